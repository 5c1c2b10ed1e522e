/** Emoji that alerts use, by name. Slack has thousands; a name that is not here is shown as it is written. */
const emoji: Readonly<Record<string, string>> = {
  '+1': '👍',
  alarm_clock: '⏰',
  bell: '🔔',
  bulb: '💡',
  calendar: '📅',
  chart_with_downwards_trend: '📉',
  chart_with_upwards_trend: '📈',
  eyes: '👀',
  exclamation: '❗',
  fire: '🔥',
  hourglass_flowing_sand: '⏳',
  information_source: 'ℹ️',
  large_green_circle: '🟢',
  large_yellow_circle: '🟡',
  link: '🔗',
  mag: '🔍',
  memo: '📝',
  moneybag: '💰',
  no_entry: '⛔',
  point_right: '👉',
  question: '❓',
  red_circle: '🔴',
  rocket: '🚀',
  rotating_light: '🚨',
  scissors: '✂️',
  seedling: '🌱',
  sparkles: '✨',
  star: '⭐',
  tada: '🎉',
  thumbsup: '👍',
  warning: '⚠️',
  wave: '👋',
  white_check_mark: '✅',
  x: '❌',
}

export function withEmoji(text: string): string {
  return text.replace(/:([a-z0-9_+]{1,40}):/g, (written, name: string) =>
    Object.hasOwn(emoji, name) ? (emoji[name] ?? written) : written,
  )
}
