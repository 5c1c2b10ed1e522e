/** The senders of docs/senders.md: what their events look like with the settings of that page and the shipped templates. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { Channel } from '../../src/channels/channel.ts'
import { email } from '../../src/channels/email/email.ts'
import { slack } from '../../src/channels/slack/slack.ts'
import { readEvent, viewOf } from '../../src/core/event.ts'
import { summaryOf } from '../../src/core/template/summary/summary.ts'
import { anEvent, aRenderView } from '../support/event.ts'
import { checkBlocks } from '../support/slack/blocks.ts'
import { readTemplate } from '../support/template-files.ts'

const fixtures = new URL('../fixtures/senders/', import.meta.url)
const golden = new URL('../golden/senders.txt', import.meta.url)
const page = readFileSync(new URL('../../docs/senders.md', import.meta.url), 'utf8')

/** The settings of the page's table, by the first word of a sender's name in lower case. */
const senders = new Map(
  [...page.matchAll(/^\| (\w+)[\w ]* \| (?:`(\/\w+)`)? ?\| (?:`([/\w]+)`)? ?\|/gm)].map(
    ([, name = '', eventType, subject = '/data/id']) => [name.toLowerCase(), { name, eventType, subject }],
  ),
)

function rendererOf<Message>(
  channel: Pick<Channel<unknown, unknown, Message>, 'compile' | 'templateFiles' | 'sharedFiles'>,
) {
  const compiled = channel.compile(readTemplate('default', channel))
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.renderer
}

t.test('their events as readers see them; UPDATE_GOLDEN=1 writes them anew', async (t) => {
  const [toSlack, toMail] = [rendererOf(slack), rendererOf(email)]
  const seen = new Set<string>()
  const messages = readdirSync(fixtures).map((file) => {
    const sender = senders.get(file.split('.')[0] ?? '')
    if (sender === undefined) throw new Error(`${file} is of no sender of docs/senders.md`)
    seen.add(sender.name.toLowerCase())
    const read = readEvent(
      { ...anEvent(), body: readFileSync(new URL(file, fixtures)) },
      sender,
      () => anEvent().id,
    )
    if (!read.ok) throw new Error(`${file}: ${read.message}`)
    const view = viewOf(read.event)
    t.ok(
      read.event.subject !== null || summaryOf(view).id !== anEvent().id,
      `${file}: it is known what it is about`,
    )
    const shown = aRenderView(view, { event: { ...view.event, source_title: sender.name } })
    const [message, mail] = [toSlack.render(shown), toMail.render(shown)]
    if (!message.ok || !mail.ok) throw new Error(`${file}: a template failed`)
    t.strictSame([...message.notes, ...mail.notes], [], `${file}: no notes`)
    t.strictSame(checkBlocks(message.message.blocks), [], `${file}: Slack shows it`)
    const text = `${slack.toText(message.message)}\n\nNotification: ${message.message.text}\nSubject: ${mail.message.subject}`
    t.notMatch(text, /undefined|NaN|\[object/, file)
    return `── ${file}\n${text}\n`
  })
  t.strictSame([...seen].sort(), [...senders.keys()].sort(), 'every sender of the page has an event')
  const text = messages.join('\n')
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, text)
  t.equal(text, readFileSync(golden, 'utf8'))
})
