import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { Renderer } from '../../../src/channels/channel.ts'
import type { SlackMessage } from '../../../src/channels/slack/message.ts'
import { slack } from '../../../src/channels/slack/slack.ts'
import { fillMrkdwn } from '../../../src/channels/slack/template/literal.ts'
import { mrkdwnEngine } from '../../../src/channels/slack/template/text.ts'
import { viewOf } from '../../../src/core/event.ts'
import { isObject, type JsonObject } from '../../../src/core/json/json.ts'
import { lifecycleView } from '../../../src/core/lifecycle/timeline.ts'
import { anyText } from '../../support/any-text.ts'
import { anEvent, aRenderView } from '../../support/event.ts'
import { goldenCases, goldenTemplates } from '../../support/message-cases.ts'
import { areBlocksTooLong, checkBlocks } from '../../support/slack/blocks.ts'
import { readTemplate, shippedTemplates, templateFile } from '../../support/template-files.ts'
import { anyView, exampleView } from '../contract.ts'

function compile(yaml: string) {
  return slack.compile({ files: new Map([['slack.yaml', templateFile('templates/mine/slack.yaml', yaml)]]) })
}

function rendererOf(yaml: string): Renderer<SlackMessage> {
  const compiled = compile(yaml)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.renderer
}

function shipped(name: string): Renderer<SlackMessage> {
  const compiled = slack.compile(readTemplate(name, slack))
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return compiled.renderer
}

function rendered(renderer: Renderer<SlackMessage>, data: unknown = {}, more = {}) {
  const view = exampleView('analysis.created', { data: JSON.parse(JSON.stringify(data)), ...more })
  const result = renderer.render(view)
  if (!result.ok) throw new Error(result.reason)
  return result
}

const section = (text: string) =>
  `text: hello\nblocks:\n  - type: section\n    text: { type: mrkdwn, text: ${JSON.stringify(text)} }\n`

function sectionText(text: string, data: unknown = {}): string {
  const [block] = rendered(rendererOf(section(text)), data).message.blocks
  return isObject(block?.text) ? String(block.text.text) : ''
}

t.test('golden messages', async (t) => {
  for (const template of goldenTemplates) {
    for (const { name, view } of goldenCases(template)) {
      const result = shipped(template).render(view)
      if (!result.ok) throw new Error(result.reason)
      t.strictSame(result.notes, [], `${name}: no notes`)
      t.strictSame(checkBlocks(result.message.blocks), [], `${name}: Slack shows it`)
      t.notMatch(result.message.text, /https?:/, `${name}: no URL in the notification`)
      const file = new URL(`../../golden/${name}.slack.json`, import.meta.url)
      const text = `${JSON.stringify(result.message, null, 2)}\n`
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
      t.equal(text, readFileSync(file, 'utf8'), `${name}: as in test/golden`)
    }
  }
})

t.test('a type of one word has the sender before it', async (t) => {
  for (const [type, text] of [
    ['failed', 'Cuuro: failed (0191e29a…636e)'],
    ['TRANSFER_FAILED', 'Transfer failed (0191e29a…636e)'],
    ['organizationInvitation.created', 'Organization invitation created (0191e29a…636e)'],
  ] as const) {
    const result = shipped('default').render(aRenderView(viewOf(anEvent({ type }))))
    t.equal(result.ok && result.message.text, text)
  }
})

t.test('how long it took, from the best time there is', async (t) => {
  const lifecycle = { name: 'analysis', stages: ['analysis.created', 'analysis.completed'], key: null }
  const now = anEvent().receivedAt
  // KSUIDs of 11:48:01 and 11:59:01; what was received is a minute later.
  const [begun, ended] = ['msg_3MVSwc9UnjiZ7knlHVok9kWaOFM', 'msg_3MVUHYSSMvphRdS0dkwIaTjkg8W']
  const fetched = { analysis: { created_at: '2026-11-23T11:30:00Z', completed_at: '2026-11-23T11:50:00Z' } }
  for (const [first, last, words] of [
    [{}, { enriched: fetched }, 'took 20 min'],
    [{ messageId: begun }, { messageId: ended }, 'took 11 min'],
    [{ messageId: 'msg_1' }, { messageId: 'msg_2' }, 'took about 12 min'],
  ] as const) {
    const created = anEvent({ type: 'analysis.created', receivedAt: now - 12 * 60_000, ...first })
    const completed = anEvent(last)
    const view = aRenderView(viewOf(completed, lifecycleView(lifecycle, completed, [created])))
    const result = shipped('analysis.completed').render(view)
    const card = JSON.stringify(result.ok && result.message.blocks[0]).replaceAll('\u00a0', ' ')
    t.match(card, `An analysis is complete* ✓ (${words})"`)
  }
})

/** Keys and types; a text is a text, whatever it says. */
function structure(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structure)
  if (!isObject(value)) return typeof value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === 'type' || key === 'style' ? item : structure(item),
    ]),
  )
}

const injection = fc.constantFrom(
  '<!channel>',
  '<!here|x>',
  '<@U1>',
  '<#C1>',
  '<!subteam^S1>',
  '<https://evil.example|click>',
  '@everyone',
  '*_~`',
  '"}]}',
  "'",
  '{{ data.id }}',
  '{% raw %}',
  '\n- type: divider\n',
  '&lt;!channel&gt;',
  '|',
  '>',
  '\u0001',
  '\u0002',
  '\u0000',
  'javascript:alert(1)',
  '\ud800',
)
const nasty = fc
  .array(fc.oneof(injection, anyText({ maxLength: 20 })), { maxLength: 6 })
  // Neither empty nor so long that it is cut: both are tested below.
  .map((parts) => `x${parts.join('')}`)

const everything = `text: "{{ data.id }}"
blocks:
  - type: header
    text: { type: plain_text, text: "{{ data.id }}" }
  - type: section
    text: { type: mrkdwn, text: "*{{ data.id }}* {{ data.id | slack_date }} {{ data.id | slack_link: data.id }}" }
    fields:
      - { type: plain_text, text: "{{ data.id | slack_link: data.id }} {{ data.id | slack_date: data.id }}" }
      - { type: mrkdwn, text: "{{ event.received_at | slack_date: data.id }}" }
      - { type: mrkdwn, text: "{{ 'https://a.example' | slack_link: data.id }}" }
    accessory: { type: image, image_url: "https://a.example/{{ data.id }}", alt_text: "{{ data.id }}" }
  - type: actions
    elements:
      - type: button
        text: { type: plain_text, text: "{{ data.id }}" }
        url: "https://a.example/{{ data.id }}?q={{ data.id }}"
  - type: context
    elements:
      - { type: mrkdwn, text: "{% for p in data %}{{ p[0] }}{{ p[1] }}{% endfor %}" }
`

t.test('no payload value changes the structure or mentions anyone', async (t) => {
  const renderers = [rendererOf(everything), ...shippedTemplates.map(shipped)]
  fc.assert(
    fc.property(nasty, fc.constantFrom(...renderers), (id, renderer) => {
      const harmless = rendered(renderer, { id: 'harmless' }, { link: 'https://a.example/harmless' })
      const { message } = rendered(renderer, { id }, { link: `https://a.example/${id}` })
      assert.deepEqual(structure(withoutRemark(message)), structure(harmless.message))
      for (const text of strings(message)) {
        for (const [markup] of text.matchAll(/<[^>]*>?/g)) assert.match(markup, harmlessMarkup)
      }
      for (const url of strings(message, ['url', 'image_url'])) {
        assert.equal(new URL(url).origin, 'https://a.example', 'a value cannot change the rest of a URL')
      }
      assert.deepEqual(checkBlocks(message.blocks), [])
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})

/** The markup that the templates above write themselves: dates, and links with a label. */
const harmlessMarkup = /^<(!date\^\d+\^[^<>^|]*\|[\d: -]+UTC|(https?:\/\/|mailto:)[^<>|\s]+(\|[^<>|\n]*)?)>$/

function withoutRemark(message: SlackMessage): SlackMessage {
  const last = message.blocks.at(-1)
  return strings(last)[0]?.startsWith(':scissors: Cut')
    ? { ...message, blocks: message.blocks.slice(0, -1) }
    : message
}

function strings(value: unknown, keys: readonly string[] = ['text', 'alt_text']): string[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => strings(item, keys))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, item]) =>
    typeof item === 'string' ? (keys.includes(key) ? [item] : []) : strings(item, keys),
  )
}

t.test('every mrkdwn text is verbatim', async (t) => {
  const [block] = rendered(
    rendererOf(
      'text: x\nblocks: [{ type: section, text: { type: mrkdwn, text: "@here", verbatim: false } }]',
    ),
  ).message.blocks
  t.strictSame(block, { type: 'section', text: { type: 'mrkdwn', text: '@here', verbatim: true } })
})

t.test('whatever the values, Slack takes the message', async (t) => {
  const many = Array.from({ length: 60 }, (_, index) =>
    index % 3 === 0
      ? '  - { type: section, text: { type: mrkdwn, text: "{{ data.long }}{{ data.long | slack_link: data.long }}" } }'
      : '  - { type: context, elements: [{ type: plain_text, text: "{{ data.id }}" }] }',
  )
  const renderers = [
    rendererOf(everything.replaceAll('data.id', 'data.long')),
    rendererOf(`text: "{{ data.long }}"\nblocks:\n${many.join('\n')}`),
    ...shippedTemplates.map(shipped),
  ]
  const long = fc.tuple(nasty, fc.integer({ min: 1, max: 1_000 })).map(([text, times]) => text.repeat(times))
  const view = fc.oneof(
    anyView,
    fc
      .tuple(long, nasty)
      .map(([text, id]) => exampleView('x', { data: { long: text, id }, link: `https://a.example/${text}` })),
  )
  fc.assert(
    fc.property(view, fc.constantFrom(...renderers), (value, renderer) => {
      const result = renderer.render(value)
      if (!result.ok) throw new Error(result.reason)
      const { text, blocks } = result.message
      assert.deepEqual(checkBlocks(blocks), [])
      assert.equal(areBlocksTooLong(blocks), false)
      assert.ok(text.trim() !== '' && text.length <= 4_000)
      assert.ok(strings(blocks).join('').length <= 10_000)
      assert.deepEqual(JSON.parse(JSON.stringify(result.message)), result.message, 'plain JSON')
    }),
    { numRuns: 200 },
  )
  t.pass('held')
})

t.test('what is too long is cut where a reader sees it', async (t) => {
  const { message, notes } = rendered(rendererOf(section('{{ data.long }}')), { long: 'a'.repeat(5_000) })
  t.equal(message.blocks.length, 2)
  t.match(strings(message.blocks[0])[0], /^a{2999}…$/)
  t.match(message.blocks[1], { type: 'context', elements: [{ text: /Cut to fit.*events show evt_01KB/ }] })
  t.strictSame(notes, ['cut to 3000 characters (slack.yaml:4)'])

  t.match(sectionText('{{ data.long }}', { long: '&'.repeat(3_000) }), /^(&amp;)+…$/, 'not within an entity')
  t.match(
    sectionText('{{ data.long }}', { long: `x${'😀'.repeat(3_000)}` }),
    /^x(😀)+…$/u,
    'not within a character',
  )
  const link = '{{ data.pad }} {{ "https://a.example/" | slack_link: "here" }}'
  t.match(
    sectionText(link, { pad: 'a'.repeat(2_985) }),
    /^a{2985} here$/,
    'not within a link, whose words stay',
  )
  t.match(sectionText(link, { pad: 'a'.repeat(2_996) }), /^a{2996} he…$/, 'within the words')
  t.match(sectionText(link, { pad: 'a'.repeat(2_900) }), /\|here>$/, 'a link that fits stays')

  const text = rendered(rendererOf('text: "{{ data.long }}"'), { long: 'a'.repeat(5_000) })
  t.match(text.message.text, /^a{3999}…$/)
  t.strictSame(text.message.blocks, [], 'a message without blocks stays one')
  t.equal(text.notes.length, 1)
})

t.test('a link that leaves too little room for the rest is cut to its words', async (t) => {
  const first = '*{{ data.u | slack_link: "Acme | Co" }}* · analysis complete'
  for (const [name, u] of [
    ['a long one', `https://a.example/${'a'.repeat(2_970)}`],
    ['one that leaves no room for the rest', `https://a.example/${'a'.repeat(2_955)}`],
    ['one that is longer with its escapes', `https://a.example/?${'a=1&'.repeat(400)}`],
  ] as const) {
    const { message, notes } = rendered(rendererOf(section(first)), { u })
    t.strictSame(strings(message.blocks[0]), ['*Acme ¦ Co* · analysis complete'], name)
    t.match(message.blocks[1], { type: 'context' }, `${name}: said in the message`)
    t.strictSame(notes, ['cut to 3000 characters (slack.yaml:4)'], name)
  }
  const { message } = rendered(
    shipped('analysis.completed'),
    { company: 'Acme' },
    { link: `https://a.example/${'a'.repeat(2_980)}` },
  )
  t.match(strings(message.blocks[0])[0], /^\*Acme\* · analysis complete\s✓$/)

  const list = '{% for u in data.list %}{{ u | slack_link: "one" }} {% endfor %}'
  const some = sectionText(list, {
    list: Array.from({ length: 60 }, (_, index) => `https://a.example/${String(index).padStart(80, '0')}`),
  })
  t.match(some, /^(<https:[^>]+\|one> ){28}one…$/, 'short ones stay links as far as there is room')
})

t.test('the words of a link are cut like other text', async (t) => {
  const link = '{{ "https://a.example/" | slack_link: data.t }} {{ data.t }}'
  const words = `x${'😀'.repeat(400)}`
  const { message, notes } = rendered(rendererOf(section(link)), { t: words })
  const [, label = '', rest] =
    /^<https:\/\/a\.example\/\|(.*)> (.*)$/u.exec(strings(message.blocks[0])[0] ?? '') ?? []
  t.match(label, /^x(😀)+…$/u)
  t.ok(label.length > 490 && label.length <= 500, `${label.length}`)
  t.equal(rest, words, 'and nothing else')
  t.match(message.blocks[1], { type: 'context', elements: [{ text: /Cut to fit/ }] })
  t.strictSame(notes, ['the words of a link cut to 500 characters (slack.yaml:4)'])
  t.match(sectionText(link, { t: '&'.repeat(300) }), /\|(&amp;)+…> /, 'not within an entity')
  const short = rendered(rendererOf(section(link)), { t: 'y'.repeat(500) })
  t.strictSame(short.notes, [])
})

t.test('more items than Slack takes are left out, and said to be', async (t) => {
  const items = (count: number, item: string) => Array.from({ length: count }, () => item).join(', ')
  const divider = '{ type: divider }'
  const blocks = rendered(rendererOf(`text: x\nblocks: [${items(51, divider)}]`))
  t.equal(blocks.message.blocks.length, 50)
  t.match(blocks.message.blocks[49], { type: 'context' })
  t.equal(rendered(rendererOf(`text: x\nblocks: [${items(50, divider)}]`)).message.blocks.length, 50)
  const field = '{ type: plain_text, text: x }'
  const fields = rendered(rendererOf(`text: x\nblocks: [{ type: section, fields: [${items(11, field)}] }]`))
  t.match(fields, {
    message: { blocks: [{ fields: { length: 10 } }, { type: 'context' }] },
    notes: ['cut to 10 (slack.yaml:2)'],
  })
})

t.test('`if` drops an item, and never reaches Slack', async (t) => {
  const renderer = rendererOf(`text: x
blocks:
  - if: "{{ data.show }}"
    type: section
    text: { type: plain_text, text: "{{ data.unknown }}shown" }
  - if: false
    type: divider
  - if: "{% if data.show %}yes{% endif %}"
    type: divider
`)
  t.strictSame(rendered(renderer), { ok: true, message: { text: 'x', blocks: [] }, notes: [] })
  t.strictSame(rendered(renderer, { show: false }).message.blocks, [])
  const shown = rendered(renderer, { show: 'yes', unknown: '' })
  t.strictSame(shown.message.blocks, [
    { type: 'section', text: { type: 'plain_text', text: 'shown' } },
    { type: 'divider' },
  ])
})

t.test('what has nothing to show is left out', async (t) => {
  const renderer = rendererOf(`text: "{{ data.none }}"
blocks:
  - { type: header, text: { type: plain_text, text: " {{ data.none }} " } }
  - { type: context, elements: [{ type: mrkdwn, text: "{{ data.none }}" }] }
  - { type: section, text: { type: mrkdwn, text: "{{ data.none }}" }, fields: [{ type: plain_text, text: kept }] }
`)
  const { message, notes } = rendered(renderer, { none: '' })
  t.strictSame(message.blocks, [{ type: 'section', fields: [{ type: 'plain_text', text: 'kept' }] }])
  t.equal(message.text, 'analysis.created from cuuro', 'a text is never empty')
  t.match(notes, [/replace it/])
})

t.test('URLs', async (t) => {
  const button = (url: string, data: unknown) => {
    const result = rendered(
      rendererOf(
        `text: x\nblocks:\n  - type: actions\n    elements: [{ type: button, text: { type: plain_text, text: go }, url: ${JSON.stringify(url)} }]\n`,
      ),
      data,
    )
    return { url: strings(result.message.blocks, ['url'])[0], notes: result.notes }
  }
  t.equal(
    button('{{ data.u }}', { u: 'https://a.example/x?a=1&b=%20#c' }).url,
    'https://a.example/x?a=1&b=%20#c',
  )
  t.equal(button('https://a.example/{{ data.u }}', { u: 'a/b?c d' }).url, 'https://a.example/a%2Fb%3Fc%20d')
  t.equal(button('https://a.example/{{ data.u }}', { u: '../b' }).url, undefined)
  t.equal(
    button('{{ data.u }}/{{ data.v }}', { u: 'https://a.example', v: 'b/c' }).url,
    'https://a.example/b%2Fc',
  )
  t.equal(button('mailto:{{ data.u }}', { u: 'a@b.example' }).url, 'mailto:a@b.example')
  for (const u of [
    '',
    'javascript:alert(1)',
    'data:text/html,x',
    'a.example',
    `https://a.example/${'a'.repeat(3_000)}`,
  ]) {
    const { url, notes } = button('{{ data.u }}', { u })
    t.equal(url, undefined, `${u.slice(0, 30)} is left out`)
    t.strictSame(notes, ['a button was left out, because it has no usable URL (slack.yaml:4)'])
  }
})

t.test('filters', async (t) => {
  const u = 'https://a.example/?a=1&b=|2'
  t.equal(
    sectionText('{{ data.u | slack_link: "a | <b>" }}', { u }),
    '<https://a.example/?a=1&amp;b=%7C2|a ¦ &lt;b&gt;>',
  )
  t.equal(sectionText('{{ data.u | slack_link }}', { u: 'https://a.example' }), '<https://a.example/>')
  t.equal(sectionText('{{ data.u | slack_link: "label" }}', { u: '!channel' }), 'label')
  t.equal(sectionText('{{ data.u | slack_link }}', { u: '<!channel>' }), '&lt;!channel&gt;')
  t.equal(
    sectionText('{{ data.d | slack_date: "{date}" }}', { d: '2026-01-01T00:00:00Z' }),
    '<!date^1767225600^{date}|2026-01-01 00:00 UTC>',
  )
  t.equal(
    sectionText('{{ data.d | slack_date }}', { d: 1767225600 }),
    '<!date^1767225600^{date_short_pretty} {time}|2026-01-01 00:00 UTC>',
  )
  t.equal(
    sectionText('{{ data.d | slack_date }}', { d: 1767225600123 }),
    '<!date^1767225600^{date_short_pretty} {time}|2026-01-01 00:00 UTC>',
    'milliseconds',
  )
  t.equal(sectionText('{{ data.d | slack_date }}', { d: '<!here>' }), '&lt;!here&gt;')
  for (const d of ['2026-10-25T02:30:00', '2026-10-25', '2026-02-30T10:00:00Z', 'soon'])
    t.equal(
      sectionText('{{ data.d | slack_date }}', { d }),
      d,
      'a time whose zone is unknown, or no time, is text',
    )
  t.equal(sectionText('{{ data.x | raw }}', { x: '<!here>' }), '<!here>', 'raw is the author’s own')
})

t.test('a value is no markup, and stays what it is where Slack reads none', async (t) => {
  const unchanged = [
    'plain text, 1.5 (a/b) evt_01KB_2',
    'snake_case_name',
    '2*3*4 and 5 * 6 ~ 7',
    'at 12:30:45, http://a.example:80',
  ]
  const rows: readonly (readonly [string, string, string])[] = [
    ...unchanged.map((text) => [text, text, text] as const),
    ['*bold*', '∗bold∗', '*bold*'],
    ['_a_ ~b~', 'ˍaˍ ∼b∼', '_a_ ~b~'],
    ['x𠀀_𐀍_y 漢_字_漢', 'x𠀀ˍ𐀍ˍy 漢_字_漢', 'x𠀀_𐀍_y 漢_字_漢'],
    ['a `b` c', 'a ˋbˋ c', 'a ˋbˋ c'],
    ['```', 'ˋˋˋ', 'ˋˋˋ'],
    ['> quote', '\u00ad&gt; quote', '&gt; quote'],
    ['a > b', 'a &gt; b', 'a &gt; b'],
    ['one\n> two\r\nthree', 'one &gt; two three', 'one &gt; two three'],
    [':smile: :+1::skin-tone-2:', '∶smile∶ ∶+1∶∶skin-tone-2∶', ':smile: :+1::skin-tone-2:'],
    ['arn:aws:iam', 'arn∶aws∶iam', 'arn:aws:iam'],
    ['＊wide＊ ｀', '﹡wide﹡ ˋ', '＊wide＊ ˋ'],
    ['https://a.example/_x_/~y~', 'https://a.example/%5Fx%5F/%7Ey%7E', 'https://a.example/_x_/~y~'],
    ['a\u202eb\u2066c\u009bd', 'abc d', 'abc d'],
    ['<!channel> & <@U1>', '&lt;!channel&gt; &amp; &lt;@U1&gt;', '&lt;!channel&gt; &amp; &lt;@U1&gt;'],
  ]
  for (const [value, shown, inCode] of rows) {
    t.equal(sectionText('{{ data.x }}', { x: value }), shown, JSON.stringify(value))
    t.equal(sectionText('`{{ data.x }}`', { x: value }), `\`${inCode}\``, `${JSON.stringify(value)} in code`)
  }
  t.equal(sectionText('*{{ data.x }}*', { x: ' a ' }), '*a*', "the template's own mark stays one")
  t.equal(
    sectionText('a `{{ data.x }}` `{{ data.y }}`', { x: '', y: 'b' }),
    'a  `b`',
    'no code without words',
  )
  t.equal(sectionText('{{ data.x }}: ok', { x: ':smile' }), '∶smile: ok')
  t.equal(sectionText('{{ data.x | raw }}', { x: '*bold* `c`' }), '*bold* `c`')
  t.equal(sectionText('{% capture y %}{{ data.x }}{% endcapture %}{{ y }}', { x: 'A & *B*' }), 'A &amp; ∗B∗')
  const cutCode = sectionText('`{{ data.x }}` end', { x: '*b* '.repeat(1_000) })
  t.equal(cutCode.length <= 3_000 && cutCode.at(-1), '`', 'a code span that is cut is closed')
})

t.test('no value becomes a mention, whatever tag writes it', async (t) => {
  for (const tag of [
    '{% echo data.x %}',
    '{% cycle data.x %}',
    '{% liquid echo data.x %}',
    '{% tablerow a in data.l %}{{ a }}{% endtablerow %}',
  ]) {
    t.match(compile(section(`<${tag}>`)), { ok: false, problems: [{ line: 4, message: /slack_link/ }] }, tag)
  }
  const sneaky = '{% raw %}<{% endraw %}{% assign y = data.x %}{% if y %}{% cycle y, "b" %}{% endif %}>'
  const made = compile(section(sneaky))
  t.equal(made.ok, false, 'found when it is compiled')
  // What no check of the template sees is made harmless when it is rendered.
  t.equal(fillMrkdwn(...marked('<', '!channel', '>')), '&lt;!channel>')
})

/** A text with a value in it. */
function marked(before: string, value: string, after: string): [string, readonly string[]] {
  const { text, values } = mrkdwnEngine
    .compile(`${before}{{ data.x }}${after}`)
    .render({ data: { x: value } })
  return [text, values]
}

t.test('notes', async (t) => {
  const renderer = rendererOf(
    'text: x\nblocks:\n  - type: section\n    text:\n      type: mrkdwn\n      text: |\n        one\n        {{ data.foo }} {{ data.bar | raw }}\n',
  )
  const { notes, message } = rendered(renderer, { bar: '<b>' })
  t.strictSame(notes, [
    'unknown variable data.foo (slack.yaml:8)',
    '"| raw" writes markup unescaped (slack.yaml:7)',
  ])
  t.strictSame(strings(message.blocks), ['one\n <b>'])
})

t.test('a template that fails as a whole says where', async (t) => {
  const result = rendererOf('text: |\n  one\n  {% for a in (1..100000000) %}{{ a }}{% endfor %}').render(
    exampleView(),
  )
  t.match(result, { ok: false, reason: /^slack\.yaml:3: .*limit/ })
})

t.test('a rendering leaves no trace in the view', async (t) => {
  const view = exampleView()
  const before = structuredClone(view)
  const renderer = rendererOf('text: "{% increment event %}{% assign data = 1 %}x"')
  t.strictSame(renderer.render(view), renderer.render(view))
  t.strictSame(view, before)
})

t.test('problems are found when a template is compiled, all at once and with line and column', async (t) => {
  const problems = (yaml: string) => {
    const compiled = compile(yaml)
    return compiled.ok
      ? []
      : compiled.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
  t.match(problems('text: x\nblock: []\n'), [/^2:1 unknown key "block"; known here are text, blocks$/])
  t.match(problems('blocks: []\n'), [/the key text is missing/])
  t.match(problems('text: 5\n'), [/^1:7 must be text/])
  t.match(problems('- text\n'), [/must be a mapping/])
  t.match(problems('text: x\nblocks: {}\n'), [/^2:9 must be a list/])
  t.match(problems('text: "{{ a | nope }}"'), [/^1:7 .*nope/])
  t.match(problems('text: |\n  one\n  {% if %}'), [/^3:/])
  t.match(problems('text: "one\\n{{ a | nope }}"\nblocks: []'), [/^1:7 .*nope/], 'in quotes it is one line')
  t.match(problems(section('[open](https://a.example)')), [/^4:.*not a link in Slack/])
  t.match(problems(section('[open]({{ link }})')), [/^4:.*not a link in Slack/])
  t.strictSame(problems(section('[a] (b) <https://a.example|c>')), [])
  t.match(problems('text: x\nblocks: [{ type: sectoin }]'), [
    /unknown type "sectoin", did you mean section\?/,
  ])
  t.match(problems('text: x\nblocks: [{ type: section, text: { type: markdown, text: x } }]'), [
    /did you mean mrkdwn\?/,
  ])
  t.match(
    problems(`text: x
blocks:
  - { type: rich_text, elements: [] }
  - { type: section }
  - { type: header, text: { type: mrkdwn, text: x } }
  - { type: section, text: { type: mrkdwn, txt: x } }
  - { type: divider, block_id: "{{ data.id }}" }
  - { type: context, elements: [{ type: button }] }
  - { type: actions, elements: [{ type: button, style: red, text: { type: plain_text, text: x }, url: "/" }] }
  - just text
`),
    [
      /^3:13 needs a type: header, section, context, actions, image, divider$/,
      /^4:5 a section needs one of the keys text, fields$/,
      /^5:35 needs a type: plain_text$/,
      /^6:44 unknown key "txt"; known here are type, text, verbatim$/,
      /^6:28 a mrkdwn needs the key text$/,
      /^7:32 must be text of at most 255 characters and without/,
      /^8:41 needs a type: mrkdwn, plain_text, image$/,
      /^9:56 must be primary or danger$/,
      /^10:5 needs a type/,
    ],
  )
  t.match(slack.compile({ files: new Map() }), { ok: false, problems: [{ message: 'is missing' }] })
})

t.test('a value within <…> of the template is refused: it could mention people', async (t) => {
  for (const text of [
    '<{{ data.x }}>',
    '<!{{ data.x }}>',
    '<https://a.example/{{ data.x }}|label>',
    '<@{% if data.x %}{{ data.x }}{% endif %}>',
  ]) {
    t.match(compile(section(text)), { ok: false, problems: [{ line: 4, message: /slack_link/ }] }, text)
  }
  for (const text of [
    '<!here> {{ data.x }}',
    '{% if data.x < 3 %}{{ data.x }}{% endif %}',
    '<https://a.example|b>',
  ]) {
    t.match(compile(section(text)), { ok: true }, text)
  }
})

t.test('the same block_id twice is refused, as Slack would', async (t) => {
  const block: JsonObject = { type: 'divider', block_id: 'one' }
  t.match(compile(JSON.stringify({ text: 'x', blocks: [block, block] })), {
    ok: false,
    problems: [{ message: /block_id/ }],
  })
})
