import t from 'tap'
import { quarantined, unrouted } from '../../../src/core/notice/inbox.ts'

const hint = (...problems: string[]) => String(quarantined('cuuro', problems.length, problems, 0).data.hint)

t.test('the hint about a request in quarantine is one that helps with its problem', async (t) => {
  t.match(hint('no_event_type: no event type (a string) at /event'), /^Correct event_type of the source/)
  for (const problem of [
    'invalid_json: the body is not valid JSON',
    'invalid_utf8: the body is not valid UTF-8',
  ]) {
    t.match(hint(problem), /must be corrected by its sender/, problem)
    t.notMatch(hint(problem), /event_type|automatically/, problem)
  }
  t.match(hint('not_planned: a bug'), /bug of Hookbridge.*after an upgrade/)
  t.notMatch(hint('not_planned: a bug'), /event_type/)
  t.equal(hint('another_version: x'), '', 'what another version has stored')
})

t.test('several problems have one notice', async (t) => {
  const problems = ['invalid_json: x', 'no_event_type: y', 'invalid_utf8: z']
  const { data } = quarantined('cuuro', 7, problems, 0)
  t.equal(data.reason, 'x; y; z', 'in words')
  t.equal(data.hint, `${hint('invalid_json: x')} ${hint('no_event_type: y')}`, 'each hint once')
})

t.test('the title of unrouted types is short enough for a notification', async (t) => {
  const titleOf = (types: readonly string[], more = 0) =>
    unrouted(
      types.map((type) => ({ source: 'cuuro', type })),
      more,
      0,
    ).data.title
  t.equal(titleOf(['startup.created']), 'No route takes the event type startup.created')
  t.equal(titleOf(['a', 'b']), 'No route takes the event types a, b')
  const many = [
    'analysis.archived',
    'analysis.restored',
    'startup.updated',
    'startup.deleted',
    'member.invited',
  ]
  t.equal(titleOf(many), 'No route takes the event types analysis.archived, analysis.restored and 3 more')
  t.equal(titleOf(many, 9_995), 'No route takes the event types analysis.archived and 9999 more')
  t.equal(titleOf(['a.b', 'c.d', 'x'.repeat(90)]), 'No route takes the event types a.b, c.d and 1 more')
  for (const types of [
    ['x'.repeat(250)],
    ['x'.repeat(250), 'b'],
    many,
    Array.from({ length: 200 }, (_, n) => `t${n}`),
  ])
    t.ok(titleOf(types, 9_000).length <= 80, titleOf(types, 9_000))
  const { data } = unrouted([{ source: 'cuuro', type: 'x'.repeat(250) }], 0, 0)
  t.match(data.title, /x…$/)
  t.equal(data.id.length, 250, 'whole where it is looked up')
})
