import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import {
  isZone,
  localZone,
  offsetAt,
  timeOf,
  wallAt,
  zoneNames,
} from '../../../src/core/time-intervals/zone.ts'

const MINUTE = 60_000

t.test('how far the clocks of a zone are ahead of UTC', async (t) => {
  const at = (text: string) => Date.parse(text)
  t.equal(offsetAt('UTC', at('2026-11-28T12:00Z')), 0)
  t.equal(offsetAt('Europe/Berlin', at('2026-11-28T12:00Z')), 60)
  t.equal(offsetAt('Europe/Berlin', at('2026-07-28T12:00Z')), 120)
  t.equal(offsetAt('America/St_Johns', at('2026-11-28T12:00Z')), -210)
  t.equal(offsetAt('Asia/Kathmandu', at('2026-11-28T12:00Z')), 345)
  t.throws(() => offsetAt('Europe/Nowhere', 0), RangeError)
})

t.test('names of zones', async (t) => {
  t.ok(isZone('UTC') && isZone('Europe/Berlin') && isZone(localZone()))
  t.notOk(isZone('CEST') || isZone('Europe/Nowhere') || isZone(''))
  t.ok(zoneNames().includes('UTC') && zoneNames().includes('Europe/Berlin'))
})

t.test('the time at which clocks show something', async (t) => {
  const wall = (text: string) => Date.parse(`${text}Z`)
  const berlin = (text: string) => new Date(timeOf('Europe/Berlin', wall(text))).toISOString()
  t.equal(berlin('2026-11-28T12:00'), '2026-11-28T11:00:00.000Z')
  t.equal(berlin('2026-10-25T02:30'), '2026-10-25T00:30:00.000Z', 'the first of two')
  t.equal(berlin('2026-03-29T02:30'), '2026-03-29T01:30:00.000Z', 'skipped, and an hour later instead')
  fc.assert(
    fc.property(
      fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'),
      fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) }),
      (zone, any) => {
        const time = Math.floor(any / MINUTE) * MINUTE
        const found = timeOf(zone, wallAt(zone, time))
        return found <= time && wallAt(zone, found) === wallAt(zone, time)
      },
    ),
  )
})

t.test('the zone of the machine, whatever TZ is', async (t) => {
  const module = new URL('../../../src/core/time-intervals/zone.ts', import.meta.url)
  const script = `const { localZone, offsetAt } = await import('${module}')
    console.log(localZone(), offsetAt(localZone(), Date.parse('2026-11-28T12:00Z')))`
  const shown = (TZ: string) =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, TZ },
      encoding: 'utf8',
    }).trim()
  t.equal(shown('Europe/Berlin'), 'Europe/Berlin 60')
  t.equal(shown(''), 'UTC 0', 'empty')
  t.equal(shown('UTC-2'), '+02:00 120', 'without a name')
  t.equal(shown('UTC+3'), '-03:00 -180')
  t.equal(shown('Europe/Nowhere'), 'UTC 0')
})
