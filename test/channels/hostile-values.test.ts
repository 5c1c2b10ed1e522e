/** Whatever a value holds, it is text in every message, in its place, and costs no more than its size. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Compiled, Renderer } from '../../src/channels/channel.ts'
import { consoleChannel } from '../../src/channels/console/console.ts'
import { compile, sharedFiles, templateFiles } from '../../src/channels/email/template/rendering.ts'
import type { SlackMessage } from '../../src/channels/slack/message.ts'
import { mrkdwnHtml, plainTextHtml } from '../../src/channels/slack/preview/mrkdwn-html.ts'
import { slack } from '../../src/channels/slack/slack.ts'
import { isObject, type Json } from '../../src/core/json/json.ts'
import { anyText } from '../support/any-text.ts'
import { growth } from '../support/cpu-time.ts'
import { type Tag, tagsOf } from '../support/html.ts'
import { readTemplate, shippedTemplates, templateFile } from '../support/template-files.ts'
import { exampleView } from './contract.ts'

const LINK = 'https://app.example.org/items/1'
const clock = { now: Date.UTC(2026, 10, 23, 10), timeZone: 'UTC' }

function compiledOf<Message>(compiled: Compiled<Message>): Renderer<Message> {
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.renderer
}

function messageOf<Message>(renderer: Renderer<Message>, data: Json, type = 'a.b'): Message {
  const rendered = renderer.render(exampleView(type, { data, link: LINK }))
  if (!rendered.ok) throw new Error(rendered.reason)
  return rendered.message
}

const mailFiles = (markdown: string) =>
  new Map([
    ['layout.html', templateFile('layout.html', '<p>{{ preheader }}</p>{{ content | raw }}')],
    ['email.md', templateFile('email.md', markdown)],
  ])
const mails = [
  ...shippedTemplates.map((name) => readTemplate(name, { templateFiles, sharedFiles })),
  {
    files: mailFiles(`---
subject: "{{ data.id }}"
preheader: "{{ data.id }}"
---
# {{ data.id }}

{{ data.id }} *{{ data.id }}* \`{{ data.id }}\` [{{ data.id }}](https://ok.example/{{ data.id }}?q={{ data.id }} "button")
![{{ data.id }}](https://ok.example/{{ data.id }})
{% capture all %}{{ data.id }}{{ data.id }}{% endcapture %}{{ all }}

- {{ data.id }}
> {{ data.id }}

| {{ data.id }} | |
|---|---|
| {{ data.id }} | {{ data.id }} |

| | |
|---|---|
| {{ data.id }} | {{ data.id }} |
| one | two |
`),
  },
  {
    files: mailFiles('---\nsubject: "{{ data.id }}"\n---\n').set(
      'email.html',
      templateFile(
        'email.html',
        `<p title="{{ data.id }}" lang='{{ data.id }}' class={{ data.id }}>{{ data.id }}</p>{{ data.id }}
<a href="https://ok.example/{{ data.id }}?q={{ data.id }}#{{ data.id }}">{{ data.id }}</a>
<a href={{ data.id }} title="a > b">{{ data.id }}{{ data.id }}</a> <img src='{{ data.id }}' alt="{{ data.id }}">
{% capture all %}<b>{{ data.id }}</b>{% endcapture %}{{ all | raw }}<!--[if mso]><i id="{{ data.id }}"><![endif]-->`,
      ),
    ),
  },
].map((files) => compiledOf(compile(files)))
const slackFile = `text: "{{ data.id }}: {{ data.id }}"
blocks:
  - type: header
    text: { type: plain_text, text: ":{{ data.id }} {{ data.id }}:", emoji: true }
  - type: section
    text: { type: mrkdwn, text: "*{{ data.id }}* _{{ data.id }}_ \`{{ data.id }}\` {{ data.id }}\\n{{ data.id }}\\n> {{ data.id }}" }
    fields:
      - { type: mrkdwn, text: "{{ data.id }}{{ data.id }} {{ '${LINK}' | slack_link: data.id }}" }
      - { type: mrkdwn, text: "\`\`\`{{ data.id }}\`\`\` :{{ data.id }} {{ data.id }}: {{ data.id | slack_date }}" }
      - { type: mrkdwn, text: "{% capture all %}{{ data.id }}{{ data.id }}{% endcapture %}{{ all }}" }
  - type: actions
    elements:
      - type: button
        text: { type: plain_text, text: go }
        url: "https://ok.example/a/{{ data.id }}?q={{ data.id }}"
`
const slackMessages = [
  ...shippedTemplates.map((name) => readTemplate(name, slack)),
  { files: new Map([['slack.yaml', templateFile('slack.yaml', slackFile)]]) },
].map((files) => compiledOf(slack.compile(files)))
const text = compiledOf(consoleChannel.compile(readTemplate('default', consoleChannel)))

// Our own marks, all markup, and what is read from right to left or stands above the line.
const pieces = fc.constantFrom(
  '\uFDD03\uFDD1',
  '\uFDD0',
  '\uFDD1',
  '\u0001',
  '`',
  '```',
  '*',
  '_',
  '~',
  '𠀀',
  '*a*',
  '_a_',
  '~a~',
  ':smile:',
  ':',
  '+1:',
  '> ',
  '>>>',
  '\n> ',
  '\n1. ',
  '\n- ',
  '\n\n# ',
  '[x](https://evil.example)',
  '<https://evil.example|x>',
  '<!channel>',
  '<@U1>',
  '@',
  '#',
  '!',
  '<b>',
  '</td>',
  '"\'',
  '&amp;',
  '|',
  '\\',
  ' ',
  '\u0301\u0301\u0301',
  '\u202e',
  '\u2066',
  '\u05d0\u05d1',
  '\u200b',
  '\ud83d',
  '😀',
  '..',
  '../../admin?x=1#f',
  '＊＿｀＞',
  'word',
  '12:30:45',
)
const hostile = fc
  .oneof(
    { weight: 4, arbitrary: fc.array(pieces, { minLength: 1, maxLength: 8 }).map((all) => all.join('')) },
    { weight: 1, arbitrary: anyText({ maxLength: 30 }) },
  )
  // Words around it: whether a text is there at all is another matter. Without them marks stand at the edges.
  .chain((value) => fc.constantFrom(`x${value}y`, value))
  .filter((value) => /[\p{L}\p{N}]/u.test(value) && value.length <= 60)

/** What Slack makes of a message beside its words, as `preview` draws it. */
function slackMarkup(value: unknown): (string | Tag)[] {
  if (Array.isArray(value)) return value.flatMap(slackMarkup)
  if (!isObject(value)) return []
  const { type, text } = value
  const own =
    typeof text !== 'string'
      ? []
      : tagsOf(type === 'plain_text' ? plainTextHtml(text) : mrkdwnHtml(text, clock))
  return [...own, ...Object.values(value).flatMap(slackMarkup)]
}

const EMOJI_NAME = /:[\p{Ll}\p{N}_'+-]+:/u

/** Outside of code and times, where Slack does not look for emoji. */
function emojiNames(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(emojiNames)
  if (!isObject(value)) return []
  const { text, type } = value
  const unread = type === 'mrkdwn' ? /`[^`]*`|<[^>]*>|\d:\d\d(?=:\d\d)/g : /\d:\d\d(?=:\d\d)/g
  const words = typeof text === 'string' ? text.replaceAll(unread, ' ') : ''
  return [...(EMOJI_NAME.exec(words) ?? []), ...Object.values(value).flatMap(emojiNames)]
}

t.test('in Slack a value is text in every shipped template and every place', async (t) => {
  // The remark about a text that was cut is left out.
  const blocksOf = (renderer: Renderer<SlackMessage>, id: string, most?: number) =>
    messageOf(renderer, { id }).blocks.slice(0, most)
  const harmless = slackMessages.map((renderer) => blocksOf(renderer, 'harmless'))
  fc.assert(
    fc.property(hostile, fc.nat({ max: slackMessages.length - 1 }), (id, index) => {
      const renderer = slackMessages[index]
      if (renderer === undefined) throw new Error('no template')
      // Where a value would change the path, the button is left out, and the remark about a cut moves up.
      const hasDots = /(?:^|\W)\.{1,2}(?:\W|$)/.test(id)
      const blocks = blocksOf(renderer, hasDots ? id.replaceAll('.', '') : id, harmless[index]?.length)
      assert.deepEqual(slackMarkup(blocks), slackMarkup(harmless[index]))
      assert.deepEqual(emojiNames(blocks), [])
      assert.doesNotMatch(JSON.stringify(blocks), /\\ufdd|[\uFDD0\uFDD1\u202e\u2066]/)
    }),
    { numRuns: 1_000, examples: [['word ', slackMessages.length - 1]] },
  )
  t.pass('held')
})

t.test('in a mail a value is text in every shipped template and every place', async (t) => {
  const shape = (data: Json, index: number) => {
    const renderer = mails[index]
    if (renderer === undefined) throw new Error('no template')
    const { subject, html, text } = messageOf(renderer, data)
    assert.doesNotMatch(subject + html + text, /[\uFDD0\uFDD1\u202e\u2066]/)
    return { tags: html.match(/<\/?[a-z]\w*/g) ?? [], subjectLines: subject.split('\n').length }
  }
  const harmless = mails.map((_, index) => shape({ id: 'harmless' }, index))
  fc.assert(
    fc.property(hostile, fc.nat({ max: mails.length - 1 }), (id, index) => {
      // A link is left out where its value would change the path.
      const { tags, subjectLines } = shape({ id }, index)
      const noDots = /(?:^|\W)\.{1,2}(?:\W|$)/.test(id)
      const withoutLinks = (all: readonly string[]) =>
        all.filter((tag) => !noDots || !/^<\/?(?:a|img)$/.test(tag))
      assert.deepEqual(withoutLinks(tags), withoutLinks(harmless[index]?.tags ?? []))
      assert.equal(subjectLines, 1)
    }),
    { numRuns: 1_000 },
  )
  t.pass('held')
})

t.test('a message is at most so many times as large as its values', async (t) => {
  // One character is at most six in HTML, nine in a URL, and each template writes each value a fixed number of times.
  const MOST_TIMES = 200
  const renderers: readonly (readonly [string, Renderer<unknown>])[] = [
    ...mails.map((renderer, index) => [`mail ${index}`, renderer] as const),
    ...slackMessages.map((renderer, index) => [`slack ${index}`, renderer] as const),
    ['console', text],
  ]
  const repeated = fc
    .tuple(hostile, fc.integer({ min: 1, max: 400 }))
    .map(([value, times]) => value.repeat(times))
  const data = fc.tuple(repeated, repeated, fc.array(repeated, { maxLength: 4 }))
  fc.assert(
    fc.property(data, fc.constantFrom(...renderers), ([id, label, more], [name, renderer]) => {
      const values = { id, [label]: id, more, a: label, b: 'c' }
      const size = JSON.stringify(messageOf(renderer, values)).length
      const base = JSON.stringify(messageOf(renderer, { id: 'x' })).length
      const most = base + MOST_TIMES * JSON.stringify(values).length
      assert.ok(size <= most, `${name}: ${size} from ${JSON.stringify(values).length}`)
    }),
    { numRuns: 150 },
  )
  const [a, b] = ['x'.repeat(1_000), '\uFDD03\uFDD1'.repeat(200)]
  for (const [name, renderer] of renderers) {
    const size = JSON.stringify(messageOf(renderer, { id: a, a, b, c: '\uFDD00\uFDD1'.repeat(200) })).length
    t.ok(size < 40_000, `${name}: marks of our own in a value, ${size}`)
  }
})

t.test('many links, long lines and long labels take time in proportion', async (t) => {
  const loop = compiledOf(
    compile({
      files: mailFiles(`---
subject: s
---
{% for x in data.l %}[{{ x }}]({{ x }}) [{{ x }}](https://ok.example/{{ x }}) \`{{ x }}\`{% endfor %}

{% for x in data.l %}
| | |
|---|---|
| {{ x }} | {{ x }} |

{% endfor %}
`),
    }),
  )
  const render = (count: number) => () => {
    const l = Array.from({ length: count }, (_, index) => `https://a.example/${'é'.repeat(60)}${index}`)
    messageOf(loop, { l })
  }
  // What is quadratic takes sixteen times as long for four times as many.
  const times = growth([render(400), render(1_600)], 9, 20)
  t.ok(times < 9, `${times.toFixed(1)} times as long`)
  const label = 'x'.repeat(5_000)
  const fields = Object.fromEntries([
    [label, 1],
    ...Array.from({ length: 19 }, (_, index) => [`k${index}`, index]),
  ])
  const [mail] = mails.slice(3)
  t.ok(mail && messageOf(mail, fields).text.length < 10_000, 'a long label does not widen the others')
})
