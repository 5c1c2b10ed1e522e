/** The schema of `time_intervals`, in the form that Alertmanager gives them. */
import * as z from 'zod'
import { nearest } from '../../core/text/nearest.ts'
import {
  type Parsed,
  parseDaysOfMonth,
  parseMonths,
  parseTime,
  parseWeekdays,
  parseYears,
  patterns,
} from '../../core/time-intervals/ranges.ts'
import { isZone, zoneNames } from '../../core/time-intervals/zone.ts'

const NO_TIME = 'must be a time such as 09:00 or 24:00'
const NO_WEEKDAY = 'must be a day such as monday'

const time = z
  .string({ error: NO_TIME })
  .meta({ pattern: patterns.time, patternErrorMessage: NO_TIME })
  .transform((text, context) => {
    const minute = parseTime(text)
    if (minute !== null) return minute
    context.addIssue({ code: 'custom', message: NO_TIME })
    return z.NEVER
  })

const times = z
  .strictObject({
    start_time: time.describe('The first minute.').meta({ examples: ['18:00'] }),
    end_time: time
      .describe('The minute after the last one. 24:00 is the end of the day.')
      .meta({ examples: ['24:00'] }),
  })
  .transform(({ start_time, end_time }, context) => {
    if (start_time < end_time) return { from: start_time, to: end_time }
    const params = {
      hint: 'for a time across midnight write two entries: from its start to 24:00, and from 00:00 to its end',
    }
    context.addIssue({ code: 'custom', message: 'must end after it starts', path: ['end_time'], params })
    return z.NEVER
  })

interface Ranges {
  readonly parse: (text: string) => Parsed
  readonly pattern: string
  /** The numbers that may be written without quotes; null if none may. */
  readonly numbers: { readonly minimum: number; readonly maximum: number } | null
}

/** A list of values and ranges of them. */
function ranges(
  { parse, pattern, numbers }: Ranges,
  description: string,
  examples: readonly (string | number)[],
) {
  // A number in quotes would be as wrong.
  const text = z.string({ error: numbers === null ? NO_WEEKDAY : undefined }).meta({ pattern })
  const value = numbers === null ? text : z.union([text, z.number().meta({ type: 'integer', ...numbers })])
  const range = value.transform((value, context) => {
    const parsed = parse(String(value))
    if (typeof parsed !== 'string') return parsed
    context.addIssue({ code: 'custom', message: parsed })
    return z.NEVER
  })
  return z
    .array(range)
    .min(1, { error: 'must have at least one entry; leave the key out for all' })
    .optional()
    .describe(description)
    .meta({ examples: [examples] })
}

/** A time zone, by its IANA name; `Local` is that of the machine, as in Alertmanager. */
export const timeZone = z.string().superRefine((name, context) => {
  if (name === LOCAL || isZone(name)) return
  const meant = nearest(name, [LOCAL, ...zoneNames()])
  const params = {
    hint: meant === undefined ? 'use an IANA name such as Europe/Berlin, or UTC' : `did you mean ${meant}?`,
  }
  context.addIssue({ code: 'custom', message: 'is not a time zone', params })
})
export const LOCAL = 'Local'

const part = z
  .strictObject({
    times: z
      .array(times)
      .min(1, { error: 'must have at least one entry; leave the key out for all' })
      .optional()
      .describe('Times of day.')
      .meta({ examples: [[{ start_time: '18:00', end_time: '24:00' }]] }),
    weekdays: ranges(
      { parse: parseWeekdays, pattern: patterns.weekdays, numbers: null },
      'Days of the week, by name, and ranges of them. The week begins on Sunday.',
      ['monday:friday'],
    ),
    days_of_month: ranges(
      { parse: parseDaysOfMonth, pattern: patterns.daysOfMonth, numbers: { minimum: -31, maximum: 31 } },
      'Days of the month, and ranges of them. -1 is the last day of the month.',
      ['1:5', -1],
    ),
    months: ranges(
      { parse: parseMonths, pattern: patterns.months, numbers: { minimum: 1, maximum: 12 } },
      'Months, by name or number, and ranges of them.',
      ['december', '1:3'],
    ),
    years: ranges(
      { parse: parseYears, pattern: patterns.years, numbers: { minimum: 1970, maximum: 9999 } },
      'Years, and ranges of them.',
      [2026, '2027:2029'],
    ),
    location: timeZone
      .optional()
      .describe('The time zone, by its IANA name, or Local for that of the machine. Default: `time_zone`.')
      .meta({ examples: ['Europe/Berlin'] }),
  })
  .describe('A time is in the interval if it is in every part that is given here.')

export const timeIntervals = z
  .array(
    z.strictObject({
      name: z
        .string()
        .min(1, { error: 'must not be empty' })
        .max(200, { error: 'must have 200 characters at most' })
        .describe('The name by which routes refer to it.')
        .meta({ examples: ['nights'] }),
      time_intervals: z
        .array(part)
        .min(1, { error: 'must have at least one entry' })
        .describe('A time is in the named interval if it is in one of these.')
        .meta({ examples: [[{ times: [{ start_time: '18:00', end_time: '24:00' }] }]] }),
    }),
  )
  .default([])
  .describe('Times, by name, in which routes are muted or active.')
  .meta({
    examples: [[{ name: 'weekends', time_intervals: [{ weekdays: ['saturday', 'sunday'] }] }]],
  })
