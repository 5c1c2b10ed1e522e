import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { TemplateFile } from '../../../src/channels/channel.ts'
import {
  compile,
  type Mail,
  sharedFiles,
  templateFiles,
} from '../../../src/channels/email/template/rendering.ts'
import { viewOf } from '../../../src/core/event.ts'
import type { JsonObject } from '../../../src/core/json/json.ts'
import { lifecycleView } from '../../../src/core/lifecycle/timeline.ts'
import type { RenderView } from '../../../src/core/template/template.ts'
import { widthOf } from '../../../src/core/text/width.ts'
import { anyText } from '../../support/any-text.ts'
import { anEvent, aRenderView } from '../../support/event.ts'
import { goldenCases, goldenTemplates } from '../../support/message-cases.ts'
import { readTemplate, templateFile } from '../../support/template-files.ts'
import { anyView, exampleView } from '../contract.ts'

const layout = templateFile('templates/layout.html', '{{ preheader }}|{{ content | raw }}')
const head = '---\nsubject: s\n---\n'

function compiled(files: Readonly<Record<string, string>>) {
  const entries: [string, TemplateFile][] = Object.entries(files).map(([name, text]) => [
    name,
    templateFile(name, text),
  ])
  return compile({ files: new Map([['layout.html', layout], ...entries]) })
}

function render(files: string | Readonly<Record<string, string>>, view: Partial<RenderView> = {}) {
  const result = compiled(typeof files === 'string' ? { 'email.md': head + files } : files)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  const rendered = result.renderer.render(exampleView('analysis.created', view))
  if (!rendered.ok) throw new Error(rendered.reason)
  return { ...rendered.message, notes: rendered.notes }
}

const html = (markdown: string, data?: RenderView['data']) =>
  render(markdown, data === undefined ? {} : { data })
    .html.replace(/^\|/, '')
    .trim()
const text = (markdown: string, data?: RenderView['data']) =>
  render(markdown, data === undefined ? {} : { data }).text

t.test('shipped templates look as they did', (t) => {
  for (const template of goldenTemplates) {
    const result = compile(readTemplate(template, { templateFiles, sharedFiles }))
    if (!result.ok) throw new Error(JSON.stringify(result.problems))
    for (const { name, view } of goldenCases(template)) {
      const rendered = result.renderer.render(view)
      if (!rendered.ok) throw new Error(rendered.reason)
      t.strictSame(rendered.notes, [])
      const { subject, html, text } = rendered.message
      golden(t, `${name}.email.html`, html)
      golden(t, `${name}.email.txt`, `Subject: ${subject}\n\n${text}`)
    }
  }
  t.end()
})

t.test('a later mail of a conversation, which has the subject of the first, says first what is new', (t) => {
  const conversation = (template: string) => {
    const result = compile(readTemplate(template, { templateFiles, sharedFiles }))
    const view = goldenCases(template).find(({ name }) => name.endsWith('.conversation'))?.view
    const rendered = result.ok && view !== undefined ? result.renderer.render(view) : null
    if (rendered?.ok !== true) throw new Error(`no mail of ${template}`)
    return rendered.message
  }
  const [first, later] = ['analysis.created', 'analysis.completed'].map(conversation)
  t.equal(first?.subject, 'Acme Robotics: analysis', 'holds for every stage')
  t.match(later?.preheader, /^Complete · Score 87 · /)
  t.equal(later?.text.split('\n')[0], 'Acme Robotics: analysis complete')
  t.match(first?.preheader, /^Started/)
  t.equal(first?.text.split('\n')[0], 'Acme Robotics: analysis started')
  t.end()
})

t.test('so does a conversation whose stages have no templates of their own', (t) => {
  const result = compile(readTemplate('default', { templateFiles, sharedFiles }))
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  const stages = ['subscription.created', 'subscription.canceled']
  const mailOf = (type: string, data: JsonObject) => {
    const event = anEvent({ type, subject: 'sub_1', payload: { data } })
    const lifecycle = lifecycleView({ name: 'paid_subscription', stages, key: null }, event, [])
    const rendered = result.renderer.render(aRenderView(viewOf(event, lifecycle)))
    if (!rendered.ok) throw new Error(rendered.reason)
    return rendered.message
  }
  const named = { customer: { name: 'Ada' }, plan: 'pro' }
  t.equal(mailOf('subscription.created', named).subject, 'Ada: paid subscription')
  t.equal(mailOf('subscription.created', named).preheader, 'Subscription created · Plan pro')
  t.equal(mailOf('subscription.created', {}).subject, 'Paid subscription sub_1')
  t.equal(mailOf('subscription.created', {}).preheader, 'Subscription created')
  const later = mailOf('subscription.canceled', named)
  t.equal(later.subject, 'Ada: subscription canceled', 'for where it stands alone')
  t.equal(later.preheader, 'Subscription canceled · Plan pro')
  t.equal(later.text.split('\n')[0], 'Ada: subscription canceled')
  t.end()
})

function golden(
  t: { equal(found: string, wanted: string, name: string): unknown },
  file: string,
  found: string,
) {
  const path = new URL(`../../golden/${file}`, import.meta.url)
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, found)
  t.equal(found, readFileSync(path, 'utf8'), file)
}

t.test('every value is literal text', (t) => {
  t.equal(
    html('{{ data.x }}', { x: '# *a* <b>&"' }),
    '<p style="margin:0 0 16px"># *a* &lt;b&gt;&amp;&quot;</p>',
  )
  t.equal(text('- {{ data.x }}', { x: 'a\n\n# b\r\n- c' }), '- a # b - c\n')
  t.match(html('`{{ data.x }}`', { x: 'a` b `c' }), />a` b `c<\/code>/)
  t.match(html('**{{ data.x }}**', { x: '' }), /<strong><\/strong>/)
  t.match(html('{% capture y %}<{{ data.x }}>{% endcapture %}{{ y }}', { x: '*a*' }), /&lt;\*a\*&gt;/)
  t.match(
    html('{{ data.x | raw }}', { x: '*a* <b>' }),
    /<em>a<\/em> &lt;b&gt;/,
    'raw is Markdown, and still no HTML',
  )
  t.match(html('| a |\n|---|\n| {{ data.x }} |', { x: 'b | c' }), />b \| c<\/td>/)
  t.end()
})

t.test('links', (t) => {
  const href = (value: string) => /href="([^"]*)"/.exec(html('[a]({{ data.x }})', { x: value }))?.[1]
  t.equal(href('https://example.org/a?b=c&d=%20e#f'), 'https://example.org/a?b=c&amp;d=%20e#f')
  t.equal(href('https://example.org/a b)"c<d>'), 'https://example.org/a%20b)%22c%3Cd%3E')
  t.equal(href('mailto:jane@example.org'), 'mailto:jane@example.org')
  t.match(
    html('[a](https://example.org/{{ data.x }}?y)', { x: 'b) c' }),
    /href="https:\/\/example\.org\/b\)%20c\?y"/,
  )
  for (const value of [
    'javascript:alert(1)',
    'JaVaScRiPt:1',
    'data:text/html,x',
    '/path',
    '//example.org',
    '',
    ' java\nscript:1',
  ]) {
    t.equal(href(value), undefined, JSON.stringify(value))
  }
  t.equal(html('[a]({{ data.x }})', { x: 'vbscript:1' }), '<p style="margin:0 0 16px">a</p>')
  t.match(html('![a]({{ data.x }})', { x: 'javascript:1' }), /">a<\/p>/)
  t.equal(text('See [the page](https://example.org).'), 'See the page: https://example.org.\n')
  t.equal(text('[Open in Cuuro](https://example.org "button")'), 'Open in Cuuro:\nhttps://example.org\n')
  t.equal(text('See\n[the page](https://example.org)\n'), 'See the page: https://example.org\n')
  t.equal(text('- [one](https://a.example)\n- two'), '- one: https://a.example\n- two\n')
  t.equal(text('# [Acme](https://a.example)'), `Acme: https://a.example\n${'='.repeat(23)}\n`)
  t.equal(text('| | |\n|---|---|\n| Page | [one](https://a.example) |'), 'Page  one: https://a.example\n')
  t.equal(text('[https://example.org/](https://example.org/)'), 'https://example.org/\n')
  t.equal(text('[a]({{ data.x }})', { x: 'javascript:1' }), 'a\n')
  t.end()
})

t.test('a value within a link keeps to its place', (t) => {
  const href = (target: string, x: string) => /href="([^"]*)"/.exec(html(`[a](${target})`, { x }))?.[1]
  for (const [target, value, wanted] of [
    ['https://ok.example/a/{{ data.x }}', 'b/admin?x=1#f', 'https://ok.example/a/b%2Fadmin%3Fx%3D1%23f'],
    ['https://ok.example/a/{{ data.x }}', '../../admin', undefined],
    ['https://ok.example/a/{{ data.x }}/b', '..', undefined],
    ['https://ok.example/a/{{ data.x }}', '.', undefined],
    ['https://ok.example/a/.{{ data.x }}', '.', undefined],
    ['https://ok.example/a/{{ data.x }}', '%2e%2e', 'https://ok.example/a/%252e%252e'],
    ['https://ok.example/a/{{ data.x }}', 'v1.2', 'https://ok.example/a/v1.2'],
    ['https://ok.example{{ data.x }}', '@evil.example/', undefined],
    ['https://ok.example{{ data.x }}', '.evil.example', undefined],
    ['https://ok.example{{ data.x }}', 'x', undefined],
    ['https://ok.example:{{ data.x }}/', '99', undefined],
    ['https://{{ data.x }}/', 'evil.example', undefined],
    ['https://{{ data.x }}.example/', 'evil', undefined],
    ['https://{{ data.x }}.ok.example/a', 'team-1', 'https://team-1.ok.example/a'],
    ['https://{{ data.x }}.ok.example/a', 'evil.example/', undefined],
    ['https://{{ data.x }}@ok.example/a', 'evil', undefined],
    ['{{ data.x }}://ok.example/a', 'javascript', undefined],
    ['https://ok.example/?q={{ data.x }}&r=1', 'a&r=2#f', 'https://ok.example/?q=a%26r%3D2%23f&amp;r=1'],
    ['https://ok.example/#{{ data.x }}', 'a b', 'https://ok.example/#a%20b'],
    ['https://ok.example/{{ data.x }}', 'caf\ud83d', 'https://ok.example/caf%EF%BF%BD'],
    ['mailto:{{ data.x }}', 'a@ok.example?bcc=b@evil.example', 'mailto:a@ok.example%3Fbcc%3Db@evil.example'],
    ['mailto:a@ok.example?subject={{ data.x }}', 'a&bcc=b', 'mailto:a@ok.example?subject=a%26bcc%3Db'],
    ['{{ data.x }}', 'https://any.example/a/../b?c=d#e', 'https://any.example/a/../b?c=d#e'],
    ['{{ data.x }}', 'mailto:jane@example.org', 'mailto:jane@example.org'],
    ['{{ data.x }}/items', 'https://any.example', 'https://any.example/items'],
    ['{{ data.x }}', `https://any.example/${'a'.repeat(9_000)}`, undefined],
  ] as const) {
    t.equal(href(target, value), wanted, `${target} with ${value.slice(0, 40)}`)
  }
  t.end()
})

t.test('a link titled "button", alone in its paragraph, is a button', (t) => {
  t.match(html('[a](https://example.org "button")'), /class="button"/)
  t.notMatch(html('[a](https://example.org "button") b'), /class="button"/)
  t.notMatch(html('[a](https://example.org)'), /class="button"/)
  t.notMatch(html('[a](https://example.org "button")[b](https://example.org)'), /class="button"/)
  t.end()
})

t.test('the text part', (t) => {
  const long = 'word '.repeat(40).trim()
  t.ok(
    text(`${long}\n\n- ${long}\n\n> ${long}`)
      .split('\n')
      .every((line) => line.length <= 72),
  )
  t.equal(
    text('# A\n\nb\nc\\\nd\n\n1. e\n2. f\n   - g\n\n> h\n>\n> i\n\n---\n\n```\nj  k\n```'),
    `A\n=\n\nb c\nd\n\n1. e\n2. f\n   - g\n\n> h\n\n> i\n\n${'-'.repeat(72)}\n\n    j  k\n`,
  )
  t.equal(text('| | |\n|---|---|\n| One | 1 |\n| Three | 3 |'), 'One    1\nThree  3\n')
  t.equal(text('| A | B |\n|---|---|\n| 1 | 2 |'), 'A | B\n1 | 2\n')
  t.end()
})

t.test('the text part of scripts without spaces, in columns of a terminal', (t) => {
  const sentence = '深海探査用のロボットを開発する企業です。'
  for (const long of [
    sentence.repeat(20),
    '😀'.repeat(120),
    `Acme ${sentence.repeat(9)} Berlin`,
    'ยานสำรวจ'.repeat(30),
  ]) {
    for (const markdown of [long, `- ${long}`, `| | |\n|---|---|\n| 概要 | ${long} |`]) {
      const lines = text(markdown).trimEnd().split('\n')
      // Punctuation hangs.
      t.strictSame(
        lines.filter((line) => widthOf(line) > 72 + 4),
        [],
        markdown,
      )
      t.strictSame(
        lines.filter((line) => /^\s*[。、…]/.test(line)),
        [],
        'none begins with punctuation',
      )
      const spaces = /[\s|-]/g
      t.equal(lines.join('').replaceAll(spaces, ''), markdown.replaceAll(spaces, ''), 'nothing is lost')
    }
  }
  const url = `https://例え.example.com/${'深海'.repeat(40)}`
  t.equal(text(url), `${url}\n`, 'a URL stays whole')
  t.equal(text('# 深海'), '深海\n====\n')
  t.equal(text('| | |\n|---|---|\n| 概要 | 1 |\n| One | 2 |'), '概要  1\nOne   2\n')
  t.end()
})

t.test('the subject', (t) => {
  const subject = (value: string) => {
    const { subject, notes } = render(
      { 'email.md': '---\nsubject: "{{ data.x }}"\n---\n' },
      { data: { x: value } },
    )
    return { subject, notes }
  }
  t.equal(subject(' a\r\nBcc: b@example.org\u0000\u2028c ').subject, 'a Bcc: b@example.org c')
  t.equal(subject('<b> & "c"').subject, '<b> & "c"')
  const cut = subject('😀'.repeat(201))
  t.equal([...cut.subject].length, 200)
  t.ok(cut.subject.endsWith('😀…'))
  t.strictSame(cut.notes, ['the subject is cut at 200 characters'])
  t.equal(subject('x'.repeat(200)).subject, 'x'.repeat(200))
  t.end()
})

t.test('email.html and email.txt take over their parts', (t) => {
  const own = {
    'email.md': `${head}*a*`,
    'email.html': '<i>{{ data.x }}</i>',
    'email.txt': '{{ data.x }}\nb',
  }
  t.match(render(own, { data: { x: '<&>' } }), { html: '<i>&lt;&amp;&gt;</i>', text: '<&>\nb' })
  t.match(render({ 'email.md': own['email.md'] }).html, /<em>a<\/em>/)
  t.equal(
    render({ 'email.md': '---\nsubject: s\npreheader: "{{ data.x }}"\n---\n' }, { data: { x: '<' } }).html,
    '&lt;|',
  )
  t.end()
})

t.test('values in a page of one’s own stay in their place', async (t) => {
  const evil = 'b/admin?x=1#f'
  const cases: readonly (readonly [html: string, value: string | number, expected: string])[] = [
    [
      '<a href="https://ok.example/{{ data.x }}">a</a>',
      evil,
      '<a href="https://ok.example/b%2Fadmin%3Fx%3D1%23f">a</a>',
    ],
    ['<a href="https://ok.example/{{ data.x }}">a</a>', '../admin', '<a >a</a>'],
    ['<a href="https://ok.example{{ data.x }}/b">a</a>', '@evil.example', '<a >a</a>'],
    ['<a href="{{ data.x }}">a</a>', 'javascript:alert(1)', '<a >a</a>'],
    ['<a class="b" HREF = \'{{ data.x }}\' id=c>a</a>', ' JaVaScRiPt:alert(1)', '<a class="b"  id=c>a</a>'],
    [
      '<a href={{ data.x }}>a</a>',
      'https://ok.example/ onclick=b',
      '<a href="https://ok.example/%20onclick=b">a</a>',
    ],
    [
      '<a href="{{ data.x }}">a</a>',
      'https://ok.example/?a=1&b="',
      '<a href="https://ok.example/?a=1&amp;b=%22">a</a>',
    ],
    ['<a href="{{ data.x }}">a</a>', '', '<a >a</a>'],
    [
      '<a href="https://ok.example/?a=1&amp;b={{ data.x }}&c=2">a</a>',
      'é&c=3',
      '<a href="https://ok.example/?a=1&amp;b=%C3%A9%26c%3D3&amp;c=2">a</a>',
    ],
    [
      '<a href="mailto:{{ data.x }}?subject=a">a</a>',
      'jane@example.org?cc=b',
      '<a href="mailto:jane@example.org%3Fcc%3Db?subject=a">a</a>',
    ],
    ['<img src="{{ data.x }}" alt="{{ data.x }}">', 'data:text/html,"', '<img  alt="data:text/html,&quot;">'],
    [
      '<td background="https://ok.example/{{ data.x }}">',
      'a/b',
      '<td background="https://ok.example/a%2Fb">',
    ],
    [
      '<!--[if mso]><a href="{{ data.x }}">a</a><![endif]-->',
      'javascript:a',
      '<!--[if mso]><a >a</a><![endif]-->',
    ],
    ['<i title="a > b" class={{ data.x }}>', 'a onclick=b', '<i title="a > b" class=a&#32;onclick&#61;b>'],
    [
      "<i title='{{ data.x }}'>{{ data.x }}</i>",
      "<&'>",
      "<i title='&lt;&amp;&#39;&gt;'>&lt;&amp;&#39;&gt;</i>",
    ],
    ['a < b, href="{{ data.x }}"', evil, `a < b, href="${evil}"`],
    ['<a href="/{{ data.x | raw }}">a</a>', evil, `<a href="/${evil}">a</a>`],
    ['<a href="https://ok.example/a b">{{ data.x }}</a>', 1, '<a href="https://ok.example/a b">1</a>'],
  ]
  for (const [html, value, expected] of cases) {
    const files = { 'email.md': `${head}a`, 'email.html': html }
    t.equal(render(files, { data: { x: value } }).html, expected, html)
    const framed = { 'email.md': `${head}a`, 'layout.html': `${html}{{ content | raw }}` }
    t.match(render(framed, { data: { x: value } }).html, expected, `${html} in layout.html`)
  }
  const mail = {
    'email.md': `${head}[a]({{ data.x }})`,
    'layout.html': '<p>{{ route.name }}</p>{{ content | raw }}',
  }
  t.match(render(mail, { data: { x: 'https://ok.example/a?b=c' } }).html, 'href="https://ok.example/a?b=c"')
})

t.test('a page of one’s own costs no more than its length', (t) => {
  const started = process.cpuUsage().user
  for (const part of ['<a "', "<a '", '<!--', '<a ', 'a ', '<a b=', '"'])
    render(
      {
        'email.md': `${head}a`,
        'email.html': '<i class="{{ data.y }}" {{ data.x | raw }}>{{ data.x | raw }}',
      },
      { data: { x: part.repeat(50_000 / part.length), y: 'b' } },
    )
  t.ok(process.cpuUsage().user - started < 2_000_000, 'microseconds')
  t.end()
})

t.test('an unknown variable renders as nothing and is noted with its line', (t) => {
  const { subject, notes } = render({
    'email.md': '---\nsubject: "s {{ data.nothing }}"\n---\n\n{{ data.id }}\n{{ data.foo }}',
    'email.txt': 'a\nb {{ payload.bar }}',
  })
  t.equal(subject, 's')
  t.strictSame(notes, [
    'unknown variable data.nothing (email.md:2)',
    'unknown variable data.foo (email.md:6)',
    'unknown variable payload.bar (email.txt:2)',
  ])
  t.end()
})

t.test('a template that fails as a whole says why', (t) => {
  const result = compiled({
    'email.md': `${head}{{ data.x | date: "%Y" | times: 2 }}{% for i in (1..9999999) %}{% endfor %}`,
  })
  if (!result.ok) throw new Error('it compiles')
  t.match(result.renderer.render(exampleView()), { ok: false, reason: /\w/ })
  t.end()
})

t.test('problems are reported with file and line', (t) => {
  const problems = (files: Readonly<Record<string, string>>) => {
    const result = compiled(files)
    return result.ok ? [] : result.problems.map(({ path, line, message }) => `${path}:${line}: ${message}`)
  }
  t.match(problems({}), [/^email\.md:1: email\.md is missing/])
  t.match(problems({ 'email.md': 'text' }), [/^email\.md:1: a front matter is missing/])
  t.match(problems({ 'email.md': '---\npreheader: a\n---\n' }), [/^email\.md:1: `subject:` is missing/])
  t.match(problems({ 'email.md': '---\nsubject: 1\ncc:\n  - x\n---\n' }), [
    /^email\.md:3: unknown key "cc" \(known: subject, preheader\)/,
    /^email\.md:2: "subject" must be text/,
  ])
  t.match(
    problems({ 'email.md': '---\nsubject: "{{ a | nofilter }}"\n---\n\n{% if %}\n', 'email.txt': '\n{{ a' }),
    [/^email\.md:2: .*nofilter/, /^email\.md:5: /, /^email\.txt:2: /],
  )
  t.match(compile({ files: new Map() }), { ok: false })
  const noLayout = compile({ files: new Map([['email.md', templateFile('email.md', head)]]) })
  t.match(noLayout, { ok: false, problems: [{ message: /^layout\.html is missing/ }] })
  t.end()
})

t.test('no value yields markup or a link', async (t) => {
  const markdown =
    '# {{ data }}\n\n- {{ data }} `{{ data }}`\n\n| {{ data }} | b |\n|---|---|\n| *{{ data }}* | [x]({{ data }}) |\n'
  const tags = (part: string) => part.match(/<\/?[a-z]\w*/g)
  const skeleton = (value: string) => tags(html(markdown, value))
  const harmless = skeleton('harmless')
  const hostile = fc.string({
    unit: fc.constantFrom(...'<>&"\'`*_[]()#|!\\-=+~:/.\n\r\t a1é\uFDD0\uFDD1', 'javascript:'),
  })
  fc.assert(
    fc.property(fc.oneof(hostile, anyText()), (value) => {
      t.strictSame(skeleton(value), harmless)
    }),
    { numRuns: 300 },
  )
})

t.test('whatever an event holds, a shipped template has one shape for so many facts', async (t) => {
  const result = compile(readTemplate('analysis.created', { templateFiles, sharedFiles }))
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  const { renderer } = result
  const mail = (view: RenderView): Mail => {
    const rendered = renderer.render(view)
    if (!rendered.ok) throw new Error(rendered.reason)
    return rendered.message
  }
  const shape = (page: string) => page.match(/<\/?[a-z]\w*/g)
  const withFacts = (count: number) => {
    const data = Object.fromEntries(Array.from({ length: count }, (_, index) => [`fact ${index}`, 'x']))
    return shape(mail(exampleView('analysis.created', { data, link: 'https://example.org' })).html)
  }
  const expected = [0, 1, 2, 3, 4, 5, 6].map(withFacts)
  fc.assert(
    fc.property(anyView, (view) => {
      const { subject, html } = mail(view)
      t.notMatch(subject, /\p{Cc}/u)
      t.strictSame(shape(html), expected[view.summary.facts.length])
    }),
    { numRuns: 100 },
  )
})
