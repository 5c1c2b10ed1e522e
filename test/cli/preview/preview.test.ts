import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import PostalMime from 'postal-mime'
import t from 'tap'
import { shortId } from '../../../src/core/template/summary/fact.ts'
import { startTestApp } from '../../support/app.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { history, newEvent, post, temporaryFolder, writeConfig } from '../../support/service.ts'
import { type Sinks, startSinks } from '../../support/sinks.ts'

const ID = '0191e29a-1644-7972-9466-18ada4a3636e'
const analysis = ['--type', 'analysis.completed', '--data', `id=${ID}`]

interface Setting {
  readonly sinks: Sinks
  readonly folder: string
  preview(...args: string[]): ReturnType<typeof hookbridge>
}

/** Every analysis goes to #deal-flow and to partners@example.com; nothing else goes anywhere. */
async function setting(t: Parameters<typeof temporaryFolder>[0], extra = ''): Promise<Setting> {
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url, extra })
  return {
    sinks,
    folder,
    preview: (...args) => hookbridge(['--config', config, 'preview', ...args], { cwd: folder }),
  }
}

function template(folder: string, name: string, slackYaml: string): string {
  mkdirSync(join(folder, 'templates', name), { recursive: true })
  writeFileSync(join(folder, 'templates', name, 'slack.yaml'), slackYaml)
  return 'templates: templates\n'
}

t.test('an event is shown as the routes send it', async (t) => {
  const { preview, sinks } = await setting(t)
  const { code, out } = await preview(...analysis)
  t.equal(code, 0)
  t.match(
    out,
    /┌─ slack #deal-flow · receiver deal-flow · route routes\[0\]\n│ An analysis is complete\u00a0✓\n/,
  )
  t.match(out, /┌─ email partners@example\.com · receiver .*\n│ Subject: Analysis 0191e29a…636e: complete/)
  t.equal(sinks.slack.calls + sinks.mail.connections.total, 0, 'nothing is sent')

  const email = await preview(...analysis, '--channel', 'email')
  t.match(email, { code: 0, out: /Subject:/ })
  t.notMatch(email.out, /slack/)
})

t.test('what enrich would fetch has sample values, by the names of pick', async (t) => {
  const step = (name: string, get: string, more: string) =>
    `  - { name: ${name}, get: "https://api.internal/${get}", ${more} }\n`
  const { preview, folder } = await setting(
    t,
    `enrich:\n${step('analysis', '{{ data.id }}', 'match: { type: "analysis.*" }, pick: { score: /score, company_id: /company/id }')}` +
      step('company', '{{ enriched.analysis.company_id }}', 'pick: { name: /name, hq_city: /hq }') +
      step('person', '{{ data.person }}', 'pick: { name: /name }') +
      step('raw', '{{ data.id }}', 'allow_private: false'),
  )
  const { code, out, err } = await preview(...analysis)
  t.equal(code, 0, err)
  t.match(
    out,
    'Sample values stand for what enrich fetches: analysis.score, analysis.company_id, company.name, company.hq_city.',
  )
  t.match(out, /│ Acme Robotics: .*analysis.* complete/i)
  t.match(out, /Score.*87/)
  t.match(out, /Hq city.*Berlin/i)
  const some = await preview(...analysis, '--enriched', 'analysis.score:=12', '--json')
  const { enriched } = JSON.parse(some.out).event
  t.match(enriched, { analysis: { score: 12, company_id: String }, company: { hq_city: 'Berlin' } })
  t.strictSame(Object.keys(enriched), ['analysis', 'company'])
  const page = await preview(...analysis, '--html', '-')
  t.match(page.out, 'Sample values stand for what enrich fetches: analysis.score')
  const wrong = await preview(...analysis, '--enriched', 'company.naem=Acme')
  t.match(wrong, { code: 2, err: /did you mean "name"\?/ })
  const other = await preview('--type', 'startup.created', '--enriched', 'company.name=Own')
  t.notMatch(other.out, 'Sample values', 'its id comes of a step that does not match')
  writeFileSync(
    join(folder, 'event.json'),
    JSON.stringify({ event: 'analysis.completed', data: { id: 'an_1' } }),
  )
  t.match((await preview(join(folder, 'event.json'))).out, 'Sample values', 'an event in a file')
})

t.test('what no route takes is reported, and looks as its template says', async (t) => {
  const { preview } = await setting(t)
  const unrouted = await preview('--type', 'startup.created')
  t.match(unrouted, { code: 0, out: /No route takes startup\.created; this is how it would look\./ })
  t.match(unrouted.out, /┌─ slack · template startup\.created\n│ A new company\n/)
  t.match(unrouted.out, /┌─ email · template startup\.created/)
  t.notMatch(unrouted.out, /┌─ console/, 'its template says nothing about the console')
  const unknown = await preview('--type', 'never.heard')
  t.match(unknown.out, /┌─ slack · template default[\s\S]*┌─ email · template[\s\S]*┌─ console · template/)
  t.match(
    (await preview(...analysis, '--channel', 'console')).out,
    /No route sends analysis.completed by console/,
  )
})

t.test('with a template, whatever the routes send', async (t) => {
  const { preview } = await setting(t)
  const sample = await preview('--template', 'startup.created')
  t.match(sample, { code: 0, out: /│ A new company\n/ }, 'of its own event type without an event')
  t.notMatch(sample.out, /No route/)
  const other = await preview(...analysis, '--template', 'default', '--receiver', 'deal-flow')
  t.match(other.out, /┌─ slack #deal-flow · receiver deal-flow · template default\n│ Analysis completed\n/)
  t.match(other.out, /┌─ email partners@example.com/)
  t.notMatch(other.out, /console/)
})

t.test('unknown names, and wrong usage', async (t) => {
  const { preview } = await setting(t)
  for (const [args, words] of [
    [[], /which event\? Pass a file, the id of a stored event, --type or --template/],
    [['--template', 'analysis.compelted'], /did you mean "analysis\.completed"\?/],
    [[...analysis, '--receiver', 'deal-flwo'], /did you mean "deal-flow"\?/],
    [[...analysis, '--channel', 'fax'], /Allowed choices are slack, email, console/],
    [[...analysis, '--html', '-', '--json'], /both want standard output/],
    [[...analysis, '--to', 'fax:1'], /--to takes slack:…, email:…, as in.*not "fax:1"/],
    [[...analysis, '--to', 'nobody'], /not "nobody"/],
    [[...analysis, '--to', 'slack:@jane'], /--to slack:@jane: Slack takes #name.*U…/],
    [[...analysis, '--to', 'slack:@me'], /set channels\.slack\.me to your member id.*slack:U…/],
    [[...analysis, '--to', 'email:me'], /it is not a mail address/],
    [[...analysis, '--to', 'email:a@example.com\nBcc: b@example.com'], /not a mail address/],
    [[...analysis, '--channel', 'slack', '--to', 'email:me@example.com'], /leaves nothing to send/],
  ] as const) {
    t.match(await preview(...args), { code: 2, err: words, out: '' }, args.join(' '))
  }
  t.match(await preview('nothing-of-this-name.json'), { code: 1, err: /./ })
})

t.test('--json prints what would be sent', async (t) => {
  const { preview } = await setting(t)
  const { code, out } = await preview(...analysis, '--json')
  t.equal(code, 0)
  t.match(JSON.parse(out), {
    event: { id: 'evt_SAMPLE', type: 'analysis.completed', source: 'cuuro' },
    unrouted: false,
    planned: true,
    messages: [
      {
        route: 'routes[0]',
        receiver: 'deal-flow',
        channel: 'slack',
        target: '#deal-flow',
        template: 'analysis.completed',
        failed: [],
        notes: [],
        message: { text: /^Analysis complete/, blocks: [{ type: 'section' }] },
      },
      { channel: 'email', target: 'partners@example.com', message: { subject: /0191e29a/, html: /<html/ } },
    ],
    skipped: [],
  })
  t.notOk('sent' in JSON.parse(out))
})

t.test('a file with a body, and notes under a message', async (t) => {
  const { preview, folder } = await setting(t)
  const config = join(folder, 'config.yaml')
  writeFileSync(config, readFileSync(config, 'utf8') + template(folder, 'mine', 'text: "{{ data.id }}"\n'))
  writeFileSync(join(folder, 'body.json'), '{"event":"analysis.created","data":{"no":"id"}}')
  const { code, out } = await preview('body.json', '--channel', 'slack', '--template', 'mine')
  t.equal(code, 0, 'an unknown variable is no failure')
  t.match(out, /└─\n {3}note: unknown variable data\.id \(slack\.yaml:\d+\)/)
  t.match(await preview('body.json', '--type', 'x'), { code: 2, err: /either an event, or --type/ })
})

t.test('a template that fails is reported, and exits 1', async (t) => {
  const folder = temporaryFolder(t)
  const broken = 'text: "{% for i in (1..100000000) %}{{ data.id }}{% endfor %}"\nblocks: []\n'
  const extra = template(folder, 'analysis.completed', broken)
  const config = writeConfig({
    folder,
    slackUrl: 'http://127.0.0.1:1/',
    smtpUrl: 'smtp://127.0.0.1:1',
    extra,
  })
  const run = (...args: string[]) => hookbridge(['--config', config, 'preview', ...args], { cwd: folder })
  const { code, out, err } = await run(...analysis)
  t.equal(code, 1)
  t.match(
    out,
    /│ Analysis completed\n[\s\S]*note: template analysis\.completed failed: /,
    'default is used instead',
  )
  t.match(err, /template analysis\.completed failed for slack #deal-flow/)

  template(folder, 'default', broken)
  const page = await run(...analysis, '--html', '-')
  t.equal(page.code, 1)
  t.match(page.out, /<li>template default failed: /, 'and what ships is used instead')
  t.match(JSON.parse((await run(...analysis, '--json')).out).messages[0], {
    failed: ['analysis.completed', 'default'],
    template: 'default, as shipped',
  })
})

t.test('a stored event, by our id and by its sender’s', async (t) => {
  const { sinks, preview, folder } = await setting(t)
  const yaml = readFileSync(join(folder, 'config.yaml'), 'utf8').replace(/server:.*\nstore:.*\n/, '')
  const app = await startTestApp(t, yaml, { folder })
  const event = newEvent()
  const { id } = (await (await post(app.url, event)).json()) as { id: string }
  await app.stop()
  for (const name of [id, event.messageId]) {
    t.match(
      await preview(name, '--channel', 'slack'),
      { code: 0, out: new RegExp(shortId(event.objectId)) },
      name,
    )
  }
  const before = await history(folder)
  sinks.slack.messages.length = 0
  t.match(await preview(id, '--to', 'slack:#test'), { code: 0 })
  t.equal(sinks.slack.messages.length, 1)
  t.strictSame(await history(folder), before, 'the history has no record of it')
})

t.test('--to sends for real, marked as a preview', async (t) => {
  const { preview, sinks } = await setting(t)
  const slack = await preview(...analysis, '--to', 'slack:#test')
  t.match(slack, {
    code: 0,
    out: /^slack #test: sent {2}https:\/\/slack\.com\/archives\/C\w+\/p\d+\n$/,
  })
  t.match(sinks.slack.messages, [
    {
      channel: '#test',
      text: /^\[Preview\] Analysis complete/,
      blocks: [{ type: 'context', elements: [{ text: /\*Preview\* · not an event/ }] }, { type: 'section' }],
      options: { unfurl_links: 'false' },
    },
  ])
  t.equal(sinks.mail.messages.length, 0, 'by that channel alone')

  const email = await preview(...analysis, '--to', 'email:Me <me@example.com>')
  t.match(email, { code: 0, out: /^email me@example\.com: sent {2}<\w+@example\.com>/ })
  t.strictSame(sinks.mail.messages[0]?.to, ['me@example.com'])
  const mail = await PostalMime.parse(new Uint8Array(sinks.mail.messages[0]?.raw ?? []))
  t.match(mail, {
    subject: '[Preview] Analysis 0191e29a…636e: complete',
    to: [{ name: 'Me' }],
    html: /<html/,
  })

  const both = await preview(...analysis, '--to', 'slack:U0123ABCD', '--to', 'email:me@example.com', '--json')
  t.match(JSON.parse(both.out).sent, [
    { channel: 'slack', target: 'U0123ABCD', outcome: { kind: 'sent', reference: { permalink: /^https/ } } },
    { channel: 'email', target: 'me@example.com', outcome: { kind: 'sent' } },
  ])
  const unrouted = await preview('--type', 'startup.created', '--to', 'slack:#test')
  t.match(unrouted, { code: 0, out: /slack #test: sent/ }, 'what no route takes as well')
})

t.test('@me is who the settings say', async (t) => {
  const { preview, sinks, folder } = await setting(t)
  const config = join(folder, 'config.yaml')
  writeFileSync(
    config,
    readFileSync(config, 'utf8').replace('slack: { token', 'slack: { me: U0123ABCD, token'),
  )
  t.match(await preview(...analysis, '--to', 'slack:@me'), { code: 0 })
  t.match(sinks.slack.messages, [{ channel: 'U0123ABCD' }])
})

t.test('what two receivers get alike is sent once', async (t) => {
  const { preview, sinks, folder } = await setting(t)
  const config = join(folder, 'config.yaml')
  const two = readFileSync(config, 'utf8')
    .replace('receivers:\n', 'receivers:\n  others: { slack: { channel: "#others" } }\n')
    .replace('receivers: [deal-flow]', 'receivers: [deal-flow, others]')
  writeFileSync(config, two)
  t.match((await preview(...analysis)).out, /slack #deal-flow[\s\S]*slack #others/)
  t.match(await preview(...analysis, '--to', 'slack:#test'), { code: 0 })
  t.equal(sinks.slack.messages.length, 1)
})

t.test('what cannot be sent says why, and exits 1', async (t) => {
  const { preview, sinks, folder } = await setting(t)
  sinks.slack.behave = () => ({ status: 200, body: '{"ok":false,"error":"not_in_channel"}' })
  t.match(await preview(...analysis, '--to', 'slack:#test'), {
    code: 1,
    out: /slack #test: not sent {2}not_in_channel: invite the app to #test/,
    err: /1 of 1 previews not sent/,
  })
  sinks.mail.behave = (step) => (step === 'rcpt' ? { code: 550, message: 'no such user' } : undefined)
  t.match(await preview(...analysis, '--to', 'email:me@example.com'), { code: 1, out: /no such user/ })

  const config = join(folder, 'config.yaml')
  const withoutSlack = readFileSync(config, 'utf8')
    .replace(/ {2}slack: \{ token.*\n/, '')
    .replace(/ {4}slack:.*\n/, '')
  writeFileSync(config, withoutSlack)
  t.match(await preview(...analysis, '--to', 'slack:#test'), {
    code: 1,
    err: /channels\.slack\.token is missing/,
  })
})
