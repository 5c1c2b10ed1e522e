import t from 'tap'
import { quarantined } from '../../../src/core/notice/inbox.ts'

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
  t.equal(data.reason, problems.join('; '))
  t.equal(data.hint, `${hint('invalid_json: x')} ${hint('no_event_type: y')}`, 'each hint once')
})
