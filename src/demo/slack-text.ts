/** Draws a Slack message for the terminal: what a reader of the channel would see, as plain text. */

interface Block {
  readonly type?: unknown
  readonly text?: unknown
  readonly fields?: unknown
  readonly elements?: unknown
}

/** `blocks` as they were posted; `width` in columns. */
export function drawSlackMessage(blocks: unknown, fallback: string, width: number): string[] {
  const drawn = Array.isArray(blocks) ? blocks.map((block: Block) => drawBlock(block)) : []
  const lines = drawn
    .filter((block) => block.length > 0)
    .flatMap((block) => ['', ...block])
    .slice(1)
  return (lines.length > 0 ? lines : [plain(fallback)]).flatMap((line) => wrap(line, width))
}

function drawBlock(block: Block): string[] {
  switch (block.type) {
    case 'header':
      return [textOf(block.text)]
    case 'section':
      return [textOf(block.text), ...list(block.fields).map(field)].filter((text) => text !== '')
    case 'context':
      return [list(block.elements).map(textOf).join(' · ')]
    case 'actions':
      return [list(block.elements).map(button).join('  ')]
    case 'divider':
      return ['─'.repeat(20)]
    default:
      return []
  }
}

/** A field is a label over a value; side by side they are read more easily. */
function field(element: unknown): string {
  return textOf(element).replace('\n', ': ')
}

function button(element: unknown): string {
  const url = property(element, 'url')
  return `[ ${textOf(property(element, 'text'))} ]${typeof url === 'string' ? ` ${url}` : ''}`
}

function textOf(value: unknown): string {
  const text = property(value, 'text')
  return typeof text === 'string' ? plain(text) : ''
}

/** Takes Slack's markup away: dates and links become their words, entities their characters. */
function plain(text: string): string {
  return text
    .replace(/<!date\^[^|>]*\|([^>]*)>/g, '$1')
    .replace(/<([^|>]*)\|([^>]*)>/g, '$2 ($1)')
    .replace(/[*`]/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

/** Breaks at spaces where it can; a longer word stays whole, so that an address can be copied. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = []
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    return [...lines, line]
  })
}
