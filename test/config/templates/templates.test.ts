import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { channels } from '../../../src/channels/channels.ts'
import { checkButtons } from '../../../src/config/checks/buttons.ts'
import { cuuroTypes } from '../../../src/config/checks/match/known-events.ts'
import { checkSamples } from '../../../src/config/checks/senders/samples.ts'
import { runTests } from '../../../src/config/checks/tests/tests.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { loadTemplates, type Templates } from '../../../src/config/templates/templates.ts'
import { environment, lines, problemsOf } from '../../support/config-fixtures.ts'
import { aRenderView, aView } from '../../support/event.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { temporaryFolder } from '../../support/service.ts'

type Test = Parameters<typeof temporaryFolder>[0]

/** A configuration with these files in its folder of templates; gives the folder of the configuration. */
function withTemplates(t: Test, files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'templates'))
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, 'templates', name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  writeFileSync(
    join(folder, 'config.yaml'),
    'sources: { cuuro: { svix: { secrets: ["${SECRET}"] } } }\nreceivers: { here: { console: {} } }\nroutes: [{ receivers: [here] }]\ntemplates: templates\n',
  )
  return folder
}

function templatesOf(folder: string): Templates {
  const loaded = loadConfig(join(folder, 'config.yaml'), environment)
  if (!loaded.ok) throw new Error(lines(loaded.problems, folder).join('\n'))
  return loaded.compiled.templates
}

function reported(folder: string): string[] {
  return lines(problemsOf(loadConfig(join(folder, 'config.yaml'), environment)), folder)
}

function names(templates: Templates, channel: string, template: string | null, type: string): string[] {
  return templates.renderers(channel, template, type).map(({ name }) => name)
}

const shippedFolder = fileURLToPath(new URL('../../../templates', import.meta.url))
const view = aRenderView(aView({ id: '7' }, { type: 'a.b' }))

t.test('what ships compiles for every channel, and always has a default', async (t) => {
  // Where it is the operator's folder too, all of it is compiled at once.
  const loaded = loadTemplates(channels, { folder: shippedFolder, shown: 'templates', note: () => {} })
  if ('code' in loaded) return t.fail(loaded.code)
  t.same(loaded.problems, [])
  for (const { name } of channels) {
    const chain = names(loaded.templates, name, null, 'nobody.knows')
    t.same(chain, ['default'], name)
  }
})

t.test('a file or a folder may be a symbolic link, as in Kubernetes', async (t) => {
  const folder = withTemplates(t, {})
  const elsewhere = join(temporaryFolder(t), 'a.b')
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, 'console.txt'), 'linked {{ data.id }}')
  symlinkSync(elsewhere, join(folder, 'templates/a.b'))
  mkdirSync(join(folder, 'templates/c.d'))
  symlinkSync(join(elsewhere, 'console.txt'), join(folder, 'templates/c.d/console.txt'))
  const templates = templatesOf(folder)
  for (const type of ['a.b', 'c.d']) {
    const [first] = templates.renderers('console', null, type)
    t.match(first?.renderer.render(view), { ok: true, message: { text: 'linked 7' } }, type)
  }
})

t.test('what ships is compiled when a message first needs it, and once', async (t) => {
  const compiled: string[] = []
  const counted = channels.map((channel): (typeof channels)[number] => ({
    ...channel,
    compile(files) {
      compiled.push(channel.name)
      return channel.compile(files)
    },
  }))
  const renderersOf = (channel: string) => loadTemplates(counted).templates.renderers(channel, null, 'a.b')
  const [slack] = renderersOf('slack')
  t.strictSame(compiled, [])
  t.match(slack?.renderer.render(view), { ok: true, notes: [] })
  t.strictSame(compiled, ['slack'])
  // As after a reload.
  const [again] = renderersOf('slack')
  t.match(again?.renderer.render(view), { ok: true })
  t.strictSame(compiled, ['slack'])
})

t.test(
  'the route’s template is tried first, then the event type’s own, then default, each once',
  async (t) => {
    const folder = withTemplates(t, {
      'mine/console.txt': 'mine',
      'a.b/console.txt': 'type',
      'only-slack/slack.yaml': 'text: x',
    })
    const templates = templatesOf(folder)
    t.same(names(templates, 'console', 'mine', 'a.b'), ['mine', 'a.b', 'default'])
    t.same(names(templates, 'console', 'a.b', 'a.b'), ['a.b', 'default'])
    t.same(
      names(templates, 'console', 'only-slack', 'x'),
      ['default'],
      'one that has nothing for the channel',
    )
    t.same(names(templates, 'slack', 'only-slack', 'analysis.completed'), [
      'only-slack',
      'analysis.completed',
      'default',
    ])
    t.same(names(templates, 'nothing', null, 'a.b'), [], 'a channel that nobody knows')
    t.ok(templates.names.has('only-slack'))
  },
)

t.test('an event type is only ever looked up', async (t) => {
  const templates = templatesOf(withTemplates(t, {}))
  for (const type of ['__proto__', 'constructor', '../default', 'default/../default', '', 'toString']) {
    t.same(names(templates, 'slack', null, type), ['default'], type)
  }
})

t.test('the operator’s files go before the shipped, file by file', async (t) => {
  const folder = withTemplates(t, {
    'default/console.txt': 'mine {{ data.id }}',
    '.hidden/console.txt': '{{',
  })
  const templates = templatesOf(folder)
  t.same(names(templates, 'console', null, 'a.b'), ['default', 'default, as shipped'])
  const [mine, shipped] = templates
    .renderers('console', null, 'a.b')
    .map(({ renderer }) => renderer.render(view))
  t.match(mine, { ok: true, message: { text: 'mine 7' } })
  t.match(shipped, { ok: true, message: { text: /a\.b/ } })
  t.same(
    names(templates, 'slack', null, 'a.b'),
    ['default'],
    'another channel’s file is still the shipped one',
  )
  t.notOk(templates.names.has('.hidden'))
})

t.test('a shared file of the operator’s replaces the shipped one too', async (t) => {
  const folder = withTemplates(t, { 'layout.html': '<html><body>MINE {{ content | raw }}</body></html>' })
  const templates = templatesOf(folder)
  t.same(names(templates, 'email', null, 'a.b'), ['default', 'default, as shipped'])
  const rendered = templates
    .renderers('email', null, 'a.b')
    .map(({ renderer }) => JSON.stringify(renderer.render(view)))
  t.match(rendered[0], /MINE/)
  t.notMatch(rendered[1], /MINE/)
})

t.test('a mistake in a template has its file, line and column', async (t) => {
  const folder = withTemplates(t, {
    'one/console.txt': 'first\n  {{ data.id | nope }}\n',
    'two/slack.yaml':
      'text: x\nblocks:\n  - type: section\n    text:\n      type: mrkdwn\n      text: |\n        fine\n        {{ data.id | nope }}\n',
    'three/slack.yaml': 'text: x\nblocks: [\n',
    'four/email.md': '---\nsubject: x\npreheader: "\n---\ntext\n',
    'five/email.md': '---\nsubject: "{{ data.id"\n---\ntext\n',
    'six/email.md': '---\nsubject: x\n---\n\nline five\n{% if x %}\n',
    'seven/email.html': '<p>',
  })
  t.match(reported(folder), [
    /^wrong_template templates\/five\/email\.md:2:\d+: /,
    /^syntax templates\/four\/email\.md:3:\d+: not valid YAML/,
    /^wrong_template templates\/one\/console\.txt:2:3: .*nope/,
    /^wrong_template templates\/seven\/email\.md:1:1: /,
    /^wrong_template templates\/six\/email\.md:6:\d+: /,
    /^syntax templates\/three\/slack\.yaml:\d:\d+: not valid YAML/,
    /^wrong_template templates\/two\/slack\.yaml:8:\d+: .*nope/,
  ])
})

t.test('a file that no channel reads is a warning', async (t) => {
  const folder = withTemplates(t, {
    'analysis.created/slack.yml': 'text: x',
    'layuot.html': '',
    'analysis.created/.gitkeep': '',
  })
  t.same(reported(folder), [
    'unknown_file templates/analysis.created/slack.yml:1:1: warning: no channel reads a file with this name (did you mean "slack.yaml"?)',
    'unknown_file templates/layuot.html:1:1: warning: no channel reads a file with this name (did you mean "layout.html"?)',
  ])
})

t.test('a template that no route names, for a type that no event has', async (t) => {
  const folder = withTemplates(t, { 'analysis.complete/console.txt': 'x' })
  const unknown =
    'unknown_type config.yaml:4:1: warning: no route names the template "analysis.complete", and no'
  t.same(reported(folder), [
    `${unknown} event has the type "analysis.complete" (did you mean "analysis.completed"?)`,
  ])
  const file = join(folder, 'config.yaml')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('cuuro:', 'acme: { svix: { secrets: ["${OTHER_SECRET}"] } }, cuuro:'))
  t.same(reported(folder), [
    `${unknown} known event has the type "analysis.complete" (did you mean "analysis.completed"? If another sender uses this type, add an event of this type under tests)`,
  ])
  writeFileSync(file, text.replace('[{ receivers:', '[{ template: analysis.complete, receivers:'))
  t.same(reported(folder), [], 'a route names it')
})

t.test('a file that cannot be read is reported once', async (t) => {
  const folder = withTemplates(t, { 'large/console.txt': 'x'.repeat(300_000), 'folder/console.txt/x': '' })
  t.match(reported(folder), [
    /^unreadable_file templates\/folder\/console\.txt:1:1: the file is not a regular file/,
    /^unreadable_file templates\/large\/console\.txt:1:1: the file is larger than 256 kB/,
  ])
})

t.test('a variable that no event has is reported in every file, at its place', async (t) => {
  const folder = withTemplates(t, {
    'a/slack.yaml':
      'text: "{{ evnt.type }}"\nblocks:\n  - type: section\n    text:\n      type: mrkdwn\n      text: |\n        fine {{ event.type }}\n        {{ event.tpye }} {% if rout %}x{% endif %}\n',
    'a/email.md': '---\nsubject: "{{ link.href }}"\n---\n\n{{ data.whatever }}\n\n  {{ receivr.name }}\n',
    'a/console.txt': '{% assign mine = data.x %}{% for one in mine %}{{ one }}{% endfor %}\n{{ yours }}',
    'layout.html': '{{ content | raw }}{{ contents }}',
  })
  writeFileSync(
    join(folder, 'config.yaml'),
    'sources: { cuuro: { svix: { secrets: ["${SECRET}"] } } }\nreceivers: { here: { console: {} } }\nroutes: [{ receivers: [here] }]\ntemplates: templates\nlinks: { "a": "https://x.example/{{ route.name }}" }\n',
  )
  const message = 'known: event, data, payload, enriched, lifecycle, summary, route, receiver, link, fallback'
  const fields =
    'known: event.id, event.type, event.source, event.subject, event.received_at, event.sent_at, event.source_title'
  t.strictSame(reported(folder), [
    'wrong_link config.yaml:5:15: links.a: unknown variable route.name; known: event, data, payload, enriched, lifecycle',
    `wrong_template templates/a/console.txt:2:4: unknown variable yours; ${message}`,
    'wrong_template templates/a/email.md:2:13: unknown variable link.href; link has no fields',
    `wrong_template templates/a/email.md:7:6: unknown variable receivr.name; ${message}`,
    `wrong_template templates/a/slack.yaml:1:7: unknown variable evnt.type; ${message}`,
    `wrong_template templates/a/slack.yaml:8:9: unknown variable event.tpye; ${fields}`,
    `wrong_template templates/a/slack.yaml:8:9: unknown variable rout; ${message}`,
    `wrong_template templates/layout.html:1:23: unknown variable contents; ${message}, subject, preheader, content`,
  ])
})

t.test('fields that no step picks are reported, by whatever name a template calls them', async (t) => {
  const folder = withTemplates(t, {
    'a/console.txt': [
      '{{ enriched.analysis.score }} {{ enriched["analysis"].scoer }} "{{ data.id | append: "enriched.nope.x" }}"',
      '{% assign a = enriched.analysis %}{{ a.scoer }} {{ a.score }} {% if a["scor"] %}x{% endif %}',
      '{%- assign all = enriched -%}{% assign c = all.company %}{{ c.nme }} {{ all.compny.name }}',
      '{% assign a = data %}{{ a.scoer }}{% assign s = enriched.analysis.score | times: 2 %}{{ s.x }}',
      '{% liquid',
      '  assign b = enriched.analysis',
      '  echo b.socre',
      '%}',
      '{% render "card", of: enriched.analysis, who: data %}{% render "card", of: c, enriched: data %}',
    ].join('\n'),
    '_card.liquid': '{{ of.score }} {{ of.name }} {{ who.nme }}{% render "line", step: of, text: "of.x" %}',
    '_line.liquid': '{{ step.scores }}\n{{ enriched.company.nam }}',
  })
  const step = (name: string, field: string) =>
    `{ name: ${name}, get: "https://api.internal/{{ data.id }}", pick: { ${field}: /${field} } }`
  writeFileSync(
    join(folder, 'config.yaml'),
    `sources: { cuuro: { svix: { secrets: ["\${SECRET}"] } } }
enrich: [${step('analysis', 'score')}, ${step('company', 'name')}]
receivers: { here: { console: {} } }
routes: [{ receivers: [here], template: a }]
templates: templates
`,
  )
  const known = (step: string, field: string) =>
    `enriched.${step}.${field}: the step ${step} picks no field of this name`
  t.strictSame(reported(folder), [
    `unknown_field templates/_card.liquid:1:4: ${known('company', 'score')} (known: name)`,
    `unknown_field templates/_card.liquid:1:19: ${known('analysis', 'name')} (known: score)`,
    `unknown_field templates/_line.liquid:1:4: ${known('analysis', 'scores')} (did you mean "score"?)`,
    `unknown_field templates/_line.liquid:1:4: ${known('company', 'scores')} (known: name)`,
    `unknown_field templates/_line.liquid:2:4: ${known('company', 'nam')} (did you mean "name"?)`,
    `unknown_field templates/a/console.txt:1:34: ${known('analysis', 'scoer')} (did you mean "score"?)`,
    `unknown_field templates/a/console.txt:2:38: ${known('analysis', 'scoer')} (did you mean "score"?)`,
    `unknown_field templates/a/console.txt:2:69: ${known('analysis', 'scor')} (did you mean "score"?)`,
    `unknown_field templates/a/console.txt:3:61: ${known('company', 'nme')} (did you mean "name"?)`,
    'unknown_field templates/a/console.txt:3:73: enriched.compny: no step of enrich has this name (did you mean "company"?)',
    `unknown_field templates/a/console.txt:7:8: ${known('analysis', 'socre')} (did you mean "score"?)`,
  ])
})

t.test('a template that nothing uses is a warning', async (t) => {
  const folder = withTemplates(t, {
    'named/console.txt': 'x',
    'order.paid/console.txt': 'x',
    'orphan/console.txt': 'x',
    'analysis.created/console.txt': 'x',
  })
  writeFileSync(
    join(folder, 'config.yaml'),
    `sources: { acme: { svix: { secrets: ["\${SECRET}"] } } }
receivers: { here: { console: {} } }
templates: templates
routes:
  - { match: { type: "order.*" }, receivers: [here] }
  - { match: { type: other }, receivers: [here], template: named }
`,
  )
  const why = 'no route names it, and none takes events of that type'
  t.strictSame(reported(folder), [
    `unused_template config.yaml:3:1: warning: the template "orphan" is never used: ${why} (name it in a route, or remove its folder)`,
  ])
})

t.test('what the events of a test lack in a template is a warning', async (t) => {
  const folder = withTemplates(t, { 'default/console.txt': '{{ data.name }} {{ data.id }}' })
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8')}tests: [{ event: { event: a, data: { id: "1" } }, expect: { receivers: [here] } }]\n`,
  )
  const loaded = loadConfig(file, environment)
  const found = loaded.ok ? runTests(loaded.compiled, () => 'none') : []
  t.strictSame(
    lines(found, folder).map((line) => line.replace(`${folder}/`, '')),
    [
      'sample_note config.yaml:5:9: warning: the event of tests[0]: unknown variable data.name (templates/default/console.txt)',
    ],
  )
})

t.test('what Cuuro’s events lack in the templates for them is a warning', async (t) => {
  const folder = withTemplates(t, { 'analysis.created/console.txt': '{{ data.id }} {{ data.name }}' })
  t.match(reported(folder), [
    /^sample_note config\.yaml:4:1: warning: analysis\.created as Cuuro sends it: unknown variable data\.name \(.*console\.txt\) \(its payload holds only an id\)$/,
  ])
})

t.test('Cuuro’s events lack nothing in the templates that ship', async (t) => {
  const folder = withTemplates(t, {})
  const yaml = `sources: { cuuro: { svix: { secrets: ["\${SECRET}"] } } }
receivers: { here: { console: {}, slack: { channel: "#deals" }, email: { to: [jane@example.org] } } }
channels: { slack: { token: "\${TOKEN}" }, email: { smtp: "smtps://mail.example.org", from: alerts@example.org } }
links: {}
routes: [{ receivers: [here] }]
templates: ${JSON.stringify(shippedFolder)}
`
  writeFileSync(join(folder, 'config.yaml'), yaml)
  const env = { ...environment, TOKEN: 'xoxb-1-2-abcdefabcdef' }
  const loaded = loadConfig(join(folder, 'config.yaml'), env)
  t.equal(loaded.ok, true)
  t.strictSame(
    problemsOf(loaded).filter(({ code }) => code === 'sample_note'),
    [],
  )
  if (!loaded.ok) return
  const { renderers } = loaded.compiled.templates
  for (const type of [...cuuroTypes, 'default']) {
    for (const channel of ['slack', 'email']) {
      const [first] = renderers(channel, null, type)
      t.equal(first?.name, type, 'it has a template of its own')
      const [without, having] = [null, 'https://app.example.com/'].map((link) =>
        first?.renderer.render({ ...view, link }),
      )
      t.equal(without?.ok, true)
      t.notSame(having, without, `a button: ${type}, ${channel}`)
    }
  }
})

t.test('the checks of a configuration compile nothing that ships', async (t) => {
  const folder = withTemplates(t, { 'mine/slack.yaml': 'text: mine' })
  writeFileSync(
    join(folder, 'config.yaml'),
    `sources: { cuuro: { svix: { secrets: ["\${SECRET}"] } } }
receivers: { here: { slack: { channel: "#deals" } } }
channels: { slack: { token: "\${TOKEN}" } }
routes: [{ receivers: [here] }]
templates: templates
`,
  )
  const loaded = loadConfig(join(folder, 'config.yaml'), { ...environment, TOKEN: 'xoxb-1-2-abcdefabcdef' })
  t.equal(loaded.ok, true)
  if (!loaded.ok) return
  const { compiled } = loaded
  const rendered: string[] = []
  const renderers: Templates['renderers'] = (...wanted) =>
    compiled.templates.renderers(...wanted).map(({ name, renderer }) => ({
      name,
      renderer: {
        render(view) {
          rendered.push(name)
          return renderer.render(view)
        },
      },
    }))
  const watched = { ...compiled, templates: { ...compiled.templates, renderers } }
  t.strictSame(checkSamples(watched), [])
  t.match(checkButtons(watched), [{ message: /startup\.created, analysis\.created, analysis\.completed/ }])
  t.strictSame(rendered, [])
})

t.test('what does not fit into Slack with the event of a test is a warning', async (t) => {
  const folder = withTemplates(t, {
    'a/slack.yaml':
      'text: x\nblocks:\n  - type: header\n    text: { type: plain_text, text: "{{ data.title }}" }\n',
  })
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `sources: { cuuro: { svix: { secrets: ["\${SECRET}"] } } }
receivers: { here: { slack: { webhook_url: "\${HOOK}" } } }
routes: [{ match: { type: a }, receivers: [here] }]
templates: templates
tests: [{ event: { event: a, data: { title: "${'x'.repeat(151)}" } }, expect: { receivers: [here] } }]
`,
  )
  const loaded = loadConfig(file, environment)
  t.ok(loaded.ok)
  const found = loaded.ok ? runTests(loaded.compiled, () => 'none') : []
  t.strictSame(lines(found, folder), [
    'sample_note config.yaml:5:9: warning: the event of tests[0]: cut to 150 characters (slack.yaml:4)',
  ])
})

t.test('numbers of a match and of a test come out as they were written', async (t) => {
  const folder = withTemplates(t, { 'a/console.txt': '{{ data.id }} {{ data.score }}' })
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `sources: { cuuro: { svix: { secrets: ["\${SECRET}"] } } }
server: { max_connections: 1e3 }
receivers: { exact: { console: {} }, other: { console: {} } }
routes:
  - { match: { data.id: 9007199254740993 }, receivers: [exact] }
  - { match: { data.id: { gte: 9007199254740992 } }, receivers: [other] }
templates: templates
tests:
  - { event: { event: a, data: { id: 9007199254740993, score: 1.0 } }, expect: { receivers: [exact], rendered: { exact: ["9007199254740993 1.0"] } } }
  - { event: { event: a, data: { id: 9007199254740992, score: 1e2 } }, expect: { receivers: [other], rendered: { other: ["9007199254740992 1e2"] } } }
`,
  )
  const loaded = loadConfig(file, environment)
  if (!loaded.ok) throw new Error(lines(loaded.problems, folder).join('\n'))
  t.equal(loaded.compiled.config.server.max_connections, 1_000, 'a setting is a number')
  t.strictSame(
    lines(
      runTests(loaded.compiled, () => 'none'),
      folder,
    ),
    [],
  )
})

const partialFiles = {
  '_card.liquid': 'for {{ data.id }}\n',
  'mine/slack.yaml':
    'text: "*{% render "card" %}*"\nblocks:\n  - type: section\n    text: { type: plain_text, text: "{% render \'card\' %}" }\n',
  'mine/email.md': '---\nsubject: "{% render \'card\' %}"\n---\n**{% render "card" %}**\n',
  'mine/console.txt': '{% render "card" %}',
}

t.test('a partial is found by every channel, and its values are escaped as its place asks', async (t) => {
  const files = {
    ...partialFiles,
    'mine/slack.yaml': partialFiles['mine/slack.yaml'].replace('"*', "'*").replace('*"', "*'"),
  }
  const folder = withTemplates(t, files)
  const templates = templatesOf(folder)
  const message = (channel: string, id: string) => {
    const [first] = templates.renderers(channel, 'mine', 'x')
    const result = first?.renderer.render({ ...view, data: { id } })
    return result?.ok ? result.message : result
  }
  t.match(message('slack', '<!channel> *7* `'), {
    text: '*for &lt;!channel&gt; \u22177\u2217 \u02cb*',
    blocks: [{ text: { text: 'for &lt;!channel&gt; *7* `' } }],
  })
  t.match(message('email', '<b>*7*\nBcc: x'), {
    subject: 'for <b>*7* Bcc: x',
    html: /<strong>for &lt;b&gt;\*7\* Bcc: x<\/strong>/,
    text: 'for <b>*7* Bcc: x\n',
  })
  t.match(message('console', 'a\nb'), { text: 'for a b' })
  const preview = ['preview', '--template', 'mine', '--type', 'x', '--data', 'id=7', '--config']
  const shown = await hookbridge([...preview, join(folder, 'config.yaml')], { env: environment })
  t.match(shown, { code: 0, out: /for 7/ })
})

t.test('mistakes about partials have the place where they are', async (t) => {
  const folder = withTemplates(t, {
    '_card.liquid': 'x\n{{ nope }}',
    '_spare.liquid': 'x',
    '_took.liquid': 'in place of the shipped one',
    '_link.liquid': '<{{ data.url }}>',
    '_Link.md': '',
    'card.liquid': '',
    'a/_card.liquid': '',
    'a/slack.yaml': "text: |\n  hello\n  {% render 'crad' %}\n",
    'b/slack.yaml': "text: \"{% render 'card' %}{% render 'link' %}\"",
    'c/email.md': '---\nsubject: s\n---\n\n{% render "card" %}{% if link %}{% include "card" %}{% endif %}',
  })
  t.strictSame(reported(folder), [
    'unknown_file templates/_Link.md:1:1: warning: no channel reads a file with this name (known: _Link.liquid, layout.html, layout.txt)',
    'wrong_template templates/_card.liquid:2:4: unknown variable nope; known: event, data, payload, enriched, lifecycle, summary, route, receiver, link, fallback',
    'wrong_template templates/_link.liquid:1:1: a value within <…> could mention people; write {{ value | slack_link: "label" }}',
    'unused_template templates/_spare.liquid:1:1: warning: no template renders this partial (use it with {% render "spare" %}, or remove it)',
    `unknown_file templates/a/_card.liquid:1:1: warning: a partial is at the top of the templates folder (move it to ${folder}/templates/_card.liquid)`,
    'wrong_template templates/a/slack.yaml:3:3: {% render "crad" %}: there is no _crad.liquid in the templates folder; there is card, default_title, facts_line, link, mail_facts, notice_when, score, slack_facts, slack_fallback, slack_time, spare, took',
    'wrong_template templates/c/email.md:5:33: {% include %} is not known here; write {% render "name" %}, which finds _name.liquid',
    'unknown_file templates/card.liquid:1:1: warning: no channel reads a file with this name (did you mean "_card.liquid"?)',
  ])
})

t.test('a changed partial is read by a reload', async (t) => {
  const folder = withTemplates(t, { '_card.liquid': 'one', 'mine/console.txt': '{% render "card" %}' })
  const read = () => {
    const loaded = loadConfig(join(folder, 'config.yaml'), environment)
    if (!loaded.ok) throw new Error('it does not load')
    const [first] = loaded.compiled.templates.renderers('console', 'mine', 'x')
    const path = join(folder, 'templates/_card.liquid')
    return { rendered: first?.renderer.render(view), noticed: loaded.compiled.files.get(path) }
  }
  const before = read()
  t.match(before, { rendered: { message: { text: 'one' } }, noticed: String })
  writeFileSync(join(folder, 'templates/_card.liquid'), 'two')
  const after = read()
  t.match(after, { rendered: { message: { text: 'two' } } })
  t.not(after.noticed, before.noticed)
})
