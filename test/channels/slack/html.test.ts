import fc from 'fast-check'
import t from 'tap'
import { dateWords } from '../../../src/channels/slack/preview/date.ts'
import { mrkdwnHtml, plainTextHtml } from '../../../src/channels/slack/preview/mrkdwn-html.ts'
import { slackPreview } from '../../../src/channels/slack/preview/preview.ts'
import { slack } from '../../../src/channels/slack/slack.ts'
import { anyText } from '../../support/any-text.ts'
import { cpuTime } from '../../support/cpu-time.ts'
import { tagsOf } from '../../support/html.ts'

const clock = { now: Date.UTC(2026, 10, 23, 12, 0), timeZone: 'UTC' }
const drawn = (text: string) => mrkdwnHtml(text, clock)
const link = (url: string, words: string) =>
  `<p><a href="${url}" target="_blank" rel="noopener noreferrer">${words}</a></p>`

t.test('mrkdwn is drawn as Slack draws it', async (t) => {
  for (const [text, html] of [
    ['*bold* _italic_ ~strike~', '<p><b>bold</b> <i>italic</i> <s>strike</s></p>'],
    ['*_both_* (*in* brackets)', '<p><b><i>both</i></b> (<b>in</b> brackets)</p>'],
    ['a*b*c snake_case_word 2 * 3 * 4', '<p>a*b*c snake_case_word 2 * 3 * 4</p>'],
    ['*open\nnot closed*', '<p>*open<br>not closed*</p>'],
    ['**', '<p>**</p>'],
    ['*a *b*', '<p><b>a *b</b></p>'],
    ['`*code*` ``', '<p><code>*code*</code> ``</p>'],
    ['*`a*b`*', '<p><b><code>a*b</code></b></p>'],
    ['```\n*a*\n  b```after', '<pre>*a*\n  b</pre><p>after</p>'],
    ['a\n&gt; one\n&gt; two\nb', '<p>a</p><blockquote>one<br>two</blockquote><p>b</p>'],
    ['&gt;&gt;&gt;one\ntwo', '<blockquote>one<br>two</blockquote>'],
    ['• one\n• two', '<p>• one<br>• two</p>'],
    [':tada: :no_such_emoji: 12:10:30', '<p>🎉 :no_such_emoji: 12:10:30</p>'],
    ['A &amp; B &lt;Ltd&gt; &amp;lt;', '<p>A &amp; B &lt;Ltd&gt; &amp;lt;</p>'],
    ['<https://example.com/?a=1&amp;b=2|*it*>', link('https://example.com/?a=1&amp;b=2', '*it*')],
    ['<https://example.com>', link('https://example.com/', 'https://example.com')],
    ['< https://example.com/a b|words>', link('https://example.com/a%20b', 'words')],
    ['<mailto:a@example.com>', link('mailto:a@example.com', 'a@example.com')],
    ['<javascript:alert(1)|words>', '<p>words</p>'],
    ['<javascript:alert(1)>', '<p>&lt;javascript:alert(1)&gt;</p>'],
    ['<>', '<p>&lt;&gt;</p>'],
    [
      '<!here> <@U0123456>',
      '<p><span class="mention">@here</span> <span class="mention">@U0123456</span></p>',
    ],
    ['<#C0123456|deals>', '<p><span class="mention">#deals</span></p>'],
    ['<!subteam^S1|@team>', '<p><span class="mention">@team</span></p>'],
    [
      '<!date^0^{date_num}|" onclick="&lt;b>',
      '<p><time datetime="1970-01-01T00:00:00.000Z" title="&quot; onclick=&quot;&lt;b">1970-01-01</time></p>',
    ],
    ['<!date^abc^{time}|fallback>', '<p>fallback</p>'],
    [
      '<!date^1795435200^{date_short_pretty} {time}|2026-11-23 12:00 UTC>',
      '<p><time datetime="2026-11-23T12:00:00.000Z" title="2026-11-23 12:00 UTC">Today 12:00 PM</time></p>',
    ],
  ] as const) {
    t.equal(drawn(text), html, text)
  }
  t.equal(plainTextHtml('*a* <b> &lt;c&gt; :x:\nd'), '*a* &lt;b&gt; &lt;c&gt; ❌<br>d')
})

t.test('mrkdwn as plain text', async (t) => {
  for (const [text, plainText] of [
    ['*bold* _italic_ ~strike~ `code`', 'bold italic strike code'],
    ['a*b*c snake_case_word 2 * 3 * 4', 'a*b*c snake_case_word 2 * 3 * 4'],
    ['a\n\n• b\n&gt; c\n```\n*d*\n```', 'a\n\n• b\n> c\n*d*\n'],
    ['A &amp; B &lt;Ltd&gt; :tada:', 'A & B <Ltd> :tada:'],
    ['<https://example.com/?a=1&amp;b=2|it>', 'it (https://example.com/?a=1&b=2)'],
    ['<https://example.com> <mailto:a@example.com>', 'https://example.com a@example.com'],
    ['<javascript:alert(1)|words>', 'words'],
    ['<!here> <#C0123456|deals>', '@here #deals'],
    ['<!date^1795435200^{date_short}|2026-11-23 12:00 UTC>', '2026-11-23 12:00 UTC'],
    ['', ''],
  ] as const) {
    t.equal(slack.toText({ text, blocks: [] }), plainText, text)
  }
  const plain = { type: 'plain_text', text: '*a* &lt;b&gt;' }
  t.equal(slack.toText({ text: '', blocks: [{ type: 'header', text: plain }] }), '*a* <b>')
})

t.test('whatever is in a message, it stays text', async () => {
  const marks = fc.constantFrom(
    ...[
      '<',
      '>',
      '|',
      '`',
      '```',
      '*',
      '_',
      '~',
      '\n',
      '&gt;',
      '&lt;',
      '&amp;',
      '"',
      "'",
      ':x:',
      '^',
      '!date^1^',
      '<!date^1^{time}|',
      '<!date^1^<b>"|',
      '<https://example.com/|',
    ],
    ...[
      '<script>',
      'javascript:alert(1)',
      'https://example.com/',
      '" onclick="',
      '{time}',
      '</time>',
      '<@U1|',
      ' ',
    ],
  )
  const hostile = fc.array(fc.oneof(marks, anyText()), { maxLength: 30 })
  fc.assert(
    fc.property(hostile, fc.constantFrom('mrkdwn', 'plain_text'), (pieces, type) => {
      const text = pieces.join('')
      const element = { type, text }
      const picture = { type: 'image', image_url: text, alt_text: text, title: element }
      const blocks = [
        { type: 'header', text: element },
        { type: 'section', text: element, fields: [element], accessory: picture },
        { type: 'context', elements: [element, picture] },
        { type: 'actions', elements: [{ type: 'button', text: element, url: text, style: text }] },
        picture,
        { type: text, text },
      ]
      tagsOf(slackPreview.toHtml({ text, blocks }, { settings: undefined, target: text, ...clock }))
    }),
    { numRuns: 200 },
  )
})

t.test('every hostile mixture of marks takes little time', async (t) => {
  for (const piece of ['*a ', '<', '`', '*_~', '<a|', '```', '&gt;', ':a']) {
    const cost = cpuTime()
    drawn(piece.repeat(4_000 / piece.length))
    t.ok(cost() < 1_000, JSON.stringify(piece))
  }
})

t.test('dates are written for the day and the time zone of the reader', async (t) => {
  const time = Date.UTC(2026, 10, 23, 3, 5, 9)
  const words = (format: string, more: Partial<typeof clock> = {}) =>
    dateWords(time, format, { ...clock, ...more })
  t.equal(words('{date_num} {date_slash}'), '2026-11-23 11/23/2026')
  t.equal(words('{date} | {date_long_full}'), 'November 23rd, 2026 | November 23rd, 2026')
  t.equal(words('{date_long} at {time_secs}'), 'Monday, November 23rd, 2026 at 3:05:09 AM')
  t.equal(words('{date_short}, {time}'), 'Nov 23, 2026, 3:05 AM')
  t.equal(words('on {date_pretty}, {ago}'), 'on today, 8 hours ago')
  t.equal(words('{date_long_pretty}', { timeZone: 'America/Los_Angeles' }), 'Yesterday')
  t.equal(words('{time}', { timeZone: 'Asia/Kolkata' }), '8:35 AM')
  t.equal(words('{day_divider_pretty}', { now: clock.now - 86_400_000 }), 'Tomorrow')
  t.equal(words('{date_short_pretty}', { now: clock.now + 7 * 86_400_000 }), 'Nov 23, 2026')
  t.equal(words('{constructor} {nonsense}'), '{constructor} {nonsense}')
  for (const [day, ordinal] of [
    [1, '1st'],
    [2, '2nd'],
    [11, '11th'],
    [13, '13th'],
    [22, '22nd'],
  ] as const) {
    t.equal(dateWords(Date.UTC(2026, 0, day), '{date}', clock), `January ${ordinal}, 2026`)
  }
})

t.test('blocks', async (t) => {
  const mark = (text: string) => ({ type: 'mrkdwn', text })
  const shown = { settings: undefined, target: '#deals', ...clock }
  const html = (blocks: Parameters<typeof slackPreview.toHtml>[0]['blocks']) =>
    slackPreview.toHtml({ text: 'hello', blocks }, shown)
  t.match(html([]), /<p>hello<\/p>/, 'without blocks the text is the message')
  t.match(html([]), /12:00 PM/)
  t.match(html([{ type: 'section', fields: [mark('*a*'), mark('b')] }]), /slack-fields"><div><p><b>a<\/b>/)
  const picture = { type: 'image', image_url: 'https://example.com/a.png', alt_text: 'a "chart"' }
  for (const block of [
    picture,
    { type: 'section', text: mark('x'), accessory: picture },
    { type: 'context', elements: [picture] },
  ]) {
    t.match(html([block]), /href="https:\/\/example.com\/a.png"[^>]*>.*a &quot;chart&quot;/, block.type)
    t.notMatch(html([block]), /<img/, 'a picture is not fetched')
  }
  const button = { type: 'button', text: { type: 'plain_text', text: 'Go' } }
  t.match(
    html([{ type: 'actions', elements: [{ ...button, url: 'https://example.com/', style: 'danger' }] }]),
    /<a class="slack-button slack-danger" href="https:\/\/example.com\/"[^>]*>Go<\/a>/,
  )
  t.match(
    html([{ type: 'actions', elements: [{ ...button, url: 'javascript:alert(1)', style: 'x"' }] }]),
    /<span class="slack-button">Go<\/span>/,
  )
})

t.test('a preview is marked within the limits of a message', async (t) => {
  const block = { type: 'divider' }
  const full = slackPreview.withPreviewBanner({
    text: 'hello',
    blocks: Array.from({ length: 50 }, () => block),
  })
  t.equal(full.blocks.length, 50)
  t.match(full.blocks[0], { type: 'context', elements: [{ text: /\*Preview\*/ }] })
  t.strictSame(slackPreview.withPreviewBanner({ text: 'hello', blocks: [] }), {
    text: '[Preview] hello',
    blocks: [],
  })
})

t.test('an address is a channel, a person, or me', async (t) => {
  const settings = slack.settings.parse({ me: 'U0123ABCD' })
  t.match(slackPreview.receiverAt('@me', settings), { ok: true, receiver: { channel: 'U0123ABCD' } })
  t.match(slackPreview.receiverAt('@me', slack.settings.parse({})), {
    ok: false,
    reason: /channels\.slack\.me.*Copy member ID.*slack:U…/,
  })
  for (const address of ['#test', 'C0123456789', 'U0123456789']) {
    t.match(slackPreview.receiverAt(address, settings), { ok: true, receiver: { channel: address } })
  }
  for (const address of ['', '@jane', 'test', '#', '#a b', '<!here>'])
    t.match(slackPreview.receiverAt(address, settings), { ok: false, reason: /#name/ }, address)
  t.notOk(slack.settings.safeParse({ me: '#deals' }).success, 'me is a person')
})
