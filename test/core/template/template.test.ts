import { execFileSync } from 'node:child_process'
import { Liquid } from 'liquidjs'
import t from 'tap'
import { createEngine, TemplateError, toText } from '../../../src/core/template/template.ts'

const engine = createEngine((text) => text.replaceAll('<', '&lt;'), {
  loud: { safe: false, apply: (value, end) => `${toText(value).toUpperCase()}${toText(end)}` },
  bold: { safe: true, apply: (value) => `<b>${toText(value)}</b>` },
})

const view = {
  data: {
    id: 'one',
    html: '<i>',
    list: [{ a: 1 }, { b: 2 }],
    nothing: null,
    zero: 0,
    no: false,
    map: { k: '<' },
  },
  payload: JSON.parse('{"__proto__": {"own": "yes"}}'),
}

function render(text: string): string {
  return engine.compile(text).render(view).text
}

function missing(text: string): readonly string[] {
  return engine.compile(text).render(view).missing
}

/** The place and the words of the error that the action throws. */
function failure(action: () => unknown): { line: number; column: number; message: string } {
  try {
    action()
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    const { line, column, message } = error
    return { line, column, message }
  }
  throw new Error('nothing was thrown')
}

t.test('values become text', async (t) => {
  t.equal(render('a {{ data.id }}!'), 'a one!')
  t.equal(render('{{ data.nothing }}|{{ data.zero }}|{{ data.no }}'), '|0|false')
  t.equal(render('{{ data.list }}'), '[{"a":1},{"b":2}]')
  t.equal(render('{% for x in data.list %}{{ forloop.index }}{% endfor %}'), '12')
})

t.test('a filter for text sees a structure as a message shows it, whatever its keys are named', async (t) => {
  t.equal(render('{{ data.map | append: data.map }}'), '{"k":"&lt;"}{"k":"&lt;"}')
  t.equal(render('{{ data.list | truncate: 8 }}'), '[{"a"...')
  const hostile = { value: [{ toString: null, valueOf: null, toLiquid: null }] }
  const template = engine.compile('{{ value | truncate: 100 | upcase }}')
  t.equal(template.render(hostile).text, '[{"TOSTRING":NULL,"VALUEOF":NULL,"TOLIQUID":NULL}]')
})

t.test('a variable is unknown only where nothing sets it and no event has it', async (t) => {
  for (const text of [
    '{% for x in data.l %}{% if prev != x %}{{ x }}{% endif %}{% assign prev = x %}{% endfor %}',
    '{% for x in data.l %}{% unless seen %}{{ x }}{% capture seen %}yes{% endcapture %}{% endunless %}{% endfor %}',
    '{% for i in data.l limit: 2 offset: continue %}{{ i }}{{ forloop.index }}{% endfor %}',
    '{% for x in data.l %}{{ n }}{% increment n %}{% endfor %}',
    '{{ link.size }}{% if event.type.size > 3 %}{{ event["type"] }}{% endif %}{{ payload[data.key] }}',
    '{% if lifecycle %}{{ lifecycle.elapsed }}{% endif %}{{ enriched.x.y }}',
    '{% raw %}{{ nothing }}{% endraw %}{% comment %}{{ nothing }}{% endcomment %}',
    '{% tablerow r in data.l %}{{ r }}{{ tablerowloop.col }}{% endtablerow %}',
    '{% liquid assign q = 1\n echo q %}{% case event.type %}{% when "a" %}{% endcase %}{% cycle "a", "b" %}',
  ]) {
    t.strictSame(
      engine.compile(text).unknown.map(({ message }) => message),
      [],
      text,
    )
  }
  for (const text of ['{{ evnt }}', '{{ event.tpye }}', '{% if rout %}{% endif %}', '{{ x | append: y }}'])
    t.ok(engine.compile(text).unknown.length > 0, text)
})

t.test('every value is escaped unless its last filter is raw or safe', async (t) => {
  t.equal(render('{{ data.html }} < {{ data.map }}'), '&lt;i> < {"k":"&lt;"}')
  t.equal(render('{{ data.html | raw }}'), '<i>')
  t.equal(render('{{ data.html | upcase }}'), '&lt;I>')
  t.equal(render('{{ data.html | loud: "<" }}'), '&lt;I>&lt;')
  t.equal(render('{{ data.html | bold }}'), '<b><i></b>')
  t.equal(render('{{ data.html | bold | upcase }}'), '&lt;B>&lt;I>&lt;/B>')
  t.equal(render('{{ "<" }}{% assign x = data.html %}{{ x }}{% echo data.html %}'), '&lt;&lt;i>&lt;i>')
})

t.test('a variable that does not exist renders as empty, and is reported as written', async (t) => {
  t.strictSame(
    engine.compile('a{{ data.gone }}b{{ data.gone.deep }}{{ nope }}{{ data.gone }}').render(view),
    {
      text: 'ab',
      missing: ['data.gone', 'data.gone.deep', 'nope'],
    },
  )
  t.same(missing('{{ data.id }}{{ data.nothing }}{{ data.no }}'), [])
  t.same(missing('{{ data["odd key"].x }}{{ data.list[7] }}'), ['data["odd key"].x', 'data.list[7]'])
  t.same(missing('{{ data.gone | upcase }}{{ "a" | append: data.other }}'), ['data.gone', 'data.other'])
  t.same(missing('{% for x in data.gone %}{% endfor %}'), ['data.gone'])
  t.same(missing('{% for x in data.list %}{{ x.a }}{% endfor %}{{ data.later }}'), ['x.a', 'data.later'])
  t.same(missing('{% if data.id %}{{ data.gone }}{% for x in data.list %}{{ x.c }}{% endfor %}{% endif %}'), [
    'data.gone',
    'x.c',
  ])
})

t.test('a variable that is only tested may be missing, and so may a branch that is not taken', async (t) => {
  t.same(missing('{% if data.gone %}{{ data.gone }}{{ data.other }}{% endif %}'), [])
  t.same(missing('{% if data.gone %}{{ data.gone }}{% endif %}{{ data.typo }}'), ['data.typo'])
  t.same(
    missing('{% unless data.gone == "x" %}{% endunless %}{% case data.gone %}{% when 1 %}{% endcase %}'),
    [],
  )
  t.equal(render('{{ data.gone | default: "none" }}'), 'none')
  t.same(missing('{{ data.gone | default: "none" }}'), [])
})

t.test('mistakes have a line, a column and words', async (t) => {
  t.same(
    failure(() => engine.compile('a\nb {{ data.id | nosuch }}')),
    {
      line: 2,
      column: 3,
      message: 'undefined filter: nosuch',
    },
  )
  for (const [filter, meant] of [
    ['uppercase', 'upcase'],
    ['lowercase', 'downcase'],
    ['upper', 'upcase'],
    ['truncate_words', 'truncatewords'],
    ['capitalise', 'capitalize'],
    ['length', 'size'],
  ]) {
    t.match(
      failure(() => engine.compile(`{{ data.id | ${filter} }}`)),
      {
        line: 1,
        column: 1,
        message: `undefined filter: ${filter}; did you mean ${meant}?`,
      },
    )
    engine.compile(`{{ data.id | ${meant} }}`)
  }
  for (const [text, message] of [
    [
      'a {% if data.n = 80 %}b{% endif %}',
      '{% if data.n = 80 %}: expected "|" before filter; compare with ==',
    ],
    ['{% if data.n == 8 && data.id %}b{% endif %}', /^\{% if .* %\}: .*; write "and" in place of &&$/],
    ['{% if data.n || data.id %}b{% endif %}', /^\{% if .* %\}: .*; write "or" in place of \|\|$/],
    ['{{ data.n || 2 }}', '{{ data.n || 2 }}: expected filter name; write | default: in place of ||'],
    [
      '{{ data.n | default "x" }}',
      /^\{\{ data\.n \| default "x" \}\}: .*; write a colon between a filter and /,
    ],
    ['{% if a %}{% else if b %}{% endif %}', 'unexpected "if b"; write elsif in place of else if'],
    ['{{ data.n\n + 1 }}', '{{ data.n + 1 }}: expected "|" before filter'],
    [`{{ data.n + ${'1'.repeat(99)} }}`, `{{ data.n + ${'1'.repeat(47)}…: expected "|" before filter`],
  ] as const)
    t.match(
      failure(() => engine.compile(text)),
      { message },
      text,
    )
  t.match(
    failure(() => engine.compile('a\n\n  {{ data.id ')),
    { line: 3, column: 3, message: /not closed/ },
  )
  t.match(
    failure(() => engine.compile('{% if data.id %}\nx')),
    { line: 1, column: 1, message: /not closed/ },
  )
  t.match(
    failure(() => engine.compile('é漢\n {% nosuch %}')),
    { line: 2, column: 2, message: /tag "nosuch" not found/ },
  )
  t.match(
    failure(() => engine.compile('x'.repeat(200_001))),
    { message: /limit exceeded/ },
  )
})

t.test('one rendering is bounded in work and memory', async (t) => {
  const wide = engine.compile('\n {% for i in (1..100000000) %}x{% endfor %}')
  t.match(
    failure(() => wide.render(view)),
    { line: 2, column: 2, message: /memory alloc limit exceeded/ },
  )
  const endless = engine.compile('{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}')
  t.match(
    failure(() => endless.render(view)),
    { line: 1, column: 25, message: /^the rendering takes over 500000 steps: shorten its loops/ },
  )
})

t.test('what is written and read in a loop counts', async (t) => {
  const data = { title: 'x'.repeat(10_000), list: Array.from({ length: 1_000 }, () => ({})) }
  const read = '{% for item in data.list %}'
  for (const [body, message] of [
    ['{{ data.title }}', /memory alloc limit exceeded/],
    ['{{ data }}', /memory alloc limit exceeded/],
    ['{% cycle data.title, data.title %}', /memory alloc limit exceeded/],
    ['{% assign found = data.list | where: "a" %}', /takes over 500000 steps/],
    ['{% if data.list == data.list %}{% endif %}', /takes over 500000 steps/],
    ['{% if data.list contains "a" %}{% endif %}', /takes over 500000 steps/],
  ] as const) {
    const template = engine.compile(`${read}${body}{% endfor %}`)
    t.match(
      failure(() => template.render({ data })),
      { line: 1, message },
      body,
    )
    t.doesNotThrow(() => template.render({ data: { ...data, list: [1, 2, 3] } }), body)
  }
  const searched = engine.compile(
    `${read}{% for item in data.list limit: 10 %}{% if data.title contains "a" %}{% endif %}{% endfor %}{% endfor %}`,
  )
  t.match(
    failure(() => searched.render({ data })),
    { message: /takes over 500000 steps/ },
  )
})

t.test('a template reads no file', async (t) => {
  for (const [text, message] of [
    [
      '\n {% include "/etc/hostname" %}',
      '{% include %} is not known here; write {% render "name" %}, which finds _name.liquid',
    ],
    [
      '\n {% layout "../x" %}',
      '{% layout %} is not known here; write {% render "name" %}, which finds _name.liquid',
    ],
    [
      '\n {% render "package.json" %}',
      '{% render "package.json" %}: there is no _package.json.liquid in the templates folder',
    ],
    [
      '\n {% render "../card" %}',
      '{% render "../card" %}: there is no _../card.liquid in the templates folder; there is card',
    ],
    [
      '\n {% render "constructor" %}',
      '{% render "constructor" %}: there is no _constructor.liquid in the templates folder',
    ],
    ['\n {% render data.id %}', '{% render %} needs the name of a partial, in quotes'],
    ['\n {% render "{{ data.id }}" %}', '{% render %} needs the name of a partial, in quotes'],
  ] as const) {
    const some = new Map(text.includes('card') ? [['card', { path: '_card.liquid', text: '' }]] : [])
    t.same(
      failure(() => engine.compile(text, undefined, some)),
      { line: 2, column: 2, message },
      text,
    )
  }
  t.match(
    failure(() =>
      engine.compile('{% if data.no %}{% for x in data.list %}{% render "x" %}{% endfor %}{% endif %}'),
    ),
    { message: /there is no _x\.liquid/ },
    'also in a branch that is not taken',
  )
})

t.test('partials', async (t) => {
  const partials = (texts: Readonly<Record<string, string>>) =>
    new Map(Object.entries(texts).map(([name, text]) => [name, { path: `templates/_${name}.liquid`, text }]))
  const rendered = (text: string, texts: Readonly<Record<string, string>>) =>
    engine.compile(text, undefined, partials(texts)).render(view)
  t.same(
    rendered('{% for x in data.list %}{% render "item", item: x, n: forloop.index %}{% endfor %}', {
      item: '{{ n }}:{{ item }} of {{ data.id }};',
    }),
    {
      text: engine
        .compile('1:{{ data.list[0] }} of {{ data.id }};2:{{ data.list[1] }} of {{ data.id }};')
        .render(view).text,
      missing: [],
    },
    'it sees what it is given, and the variables of the event, and escapes them as its place asks',
  )
  t.equal(
    rendered('{% assign x = 1 %}[{% render "a" %}{{ x }}]', { a: '{% assign x = 2 %}{{ x }}' }).text,
    '[21]',
  )
  t.same(
    rendered('{% if data.id %}{% render "a" %}{% endif %}', {
      a: 'x{{ data.gone }}y{% render "b" %}',
      b: '{{ data.lost }}',
    }),
    {
      text: 'xy',
      missing: ['data.gone in _a.liquid', 'data.lost in _b.liquid'],
    },
  )
  t.match(
    engine.compile('{% render "a", item: data.id %}', undefined, partials({ a: '{{ item }}\n {{ nope }}' }))
      .unknown,
    [{ message: /unknown variable nope/, line: 2, column: 5, path: 'templates/_a.liquid' }],
  )
  const mistakes: readonly (readonly [text: string, line: number, message: RegExp])[] = [
    ['\n{{ data.id | nosuch }}', 2, /nosuch/],
    ['{% if %}', 1, /./],
    ['\n\n{% render "b" %}', 3, /no _b\.liquid/],
    ['{% if data.id %}{% render "a" %}{% endif %}', 1, /renders itself/],
  ]
  for (const [text, line, message] of mistakes) {
    const broken = partials({ a: text })
    t.throws(() => engine.compile('x {% render "a" %}', undefined, broken), {
      line,
      message,
      path: 'templates/_a.liquid',
    })
  }
  t.throws(
    () => rendered('{% render "a" %}', { a: '{% render "b" %}', b: '{% render "a" %}' }),
    /renders itself/,
  )
})

t.test('a template sees own properties only', async (t) => {
  const names = [
    'constructor',
    'toString',
    '__proto__',
    'data.constructor',
    'data.__proto__',
    'data.list.map',
  ]
  for (const name of [...names, 'data.id.constructor', 'data["__proto__"].polluted', 'payload.constructor']) {
    t.strictSame(engine.compile(`{{ ${name} }}`).render(view), { text: '', missing: [name] }, name)
  }
  t.equal(render('{{ payload.__proto__.own }}'), 'yes', 'unless the payload has them as its own')
  t.equal(render('{% assign __proto__ = "x" %}{% assign constructor = "y" %}{{ constructor }}'), 'y')
})

t.test('values in a view are never templates', async (t) => {
  const nasty = { data: { id: '{{ data.secret }}{% include "x" %}', secret: 's' } }
  t.equal(engine.compile('{{ data.id }}').render(nasty).text, '{{ data.secret }}{% include "x" %}')
})

t.test('dates are named as LiquidJS names them, in every time zone', async (t) => {
  const theirs = new Liquid({ locale: 'en-US', timezoneOffset: 0 })
  const ours = createEngine((text) => text)
  const days = Array.from({ length: 14 }, (_, index) =>
    new Date(Date.UTC(2026, index, 1 + index, 23, 30)).toISOString(),
  )
  const formats = ['%a %A %b %B %h', '%%b %^b %-d %5b %e|%-%b', '%d %Y', '%b%']
  const zones = ['', ', -330', ", 'Asia/Tokyo'"]
  for (const value of [...days, 'no date', '2026', 1_770_000_000])
    for (const format of formats)
      for (const zone of zones) {
        const text = `{{ data | date: '${format}'${zone} }}`
        const expected = theirs.parseAndRenderSync(text, { data: value })
        t.equal(ours.compile(text).render({ data: value }).text, expected, `${text} of ${value}`)
      }
})

t.test('months and days have the same names in every locale', async (t) => {
  const program = `
    import { createEngine } from ${JSON.stringify(new URL('../../../src/core/template/template.ts', import.meta.url).href)}
    const template = createEngine((text) => text).compile("{{ '2026-03-02T10:00:00Z' | date: '%A %-d %B, %b' }}")
    console.log(new Intl.DateTimeFormat().resolvedOptions().locale, template.render({}).text)`
  const env = { ...process.env, LC_ALL: 'de_DE.UTF-8' }
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { env })
  t.equal(String(printed), 'de-DE Monday 2 March, Mar\n')
})

t.test('a process that was suspended during a rendering goes on with it', async (t) => {
  const data = Object.defineProperty({ list: [1, 2] }, 'id', {
    enumerable: true,
    get() {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100)
      return 'one'
    },
  })
  const template = engine.compile('{{ data.id }}{% for x in data.list %}{{ x }}{% endfor %}')
  t.equal(template.render({ data }).text, 'one12')
})
