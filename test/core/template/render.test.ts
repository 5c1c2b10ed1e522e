import t from 'tap'
import { type NamedRenderer, type RenderDeps, render } from '../../../src/core/template/render.ts'
import type { RenderView } from '../../../src/core/template/template.ts'
import { anEvent } from '../../support/event.ts'

const planned = { route: 'analyses', receiver: 'deal-flow', channel: 'slack', template: 'mine' }

const works: NamedRenderer = {
  name: 'default',
  renderer: { render: (view) => ({ ok: true, message: view, notes: ['cut'] }) },
}
const fails: NamedRenderer = { name: 'mine', renderer: { render: () => ({ ok: false, reason: 'too much' }) } }

function deps(renderers: readonly NamedRenderer[], link = ''): RenderDeps {
  return { renderers: () => renderers, links: () => link, sourceTitle: () => 'Cuuro' }
}

t.test('a message sees its event, its route, its receiver and its link', async (t) => {
  const asked: unknown[] = []
  const result = render(
    {
      renderers: (...args) => {
        asked.push(args)
        return [works]
      },
      links: () => 'https://app.example.com/1',
      sourceTitle: (source) => `title of ${source}`,
    },
    anEvent(),
    planned,
  )
  t.strictSame(asked, [['slack', 'mine', 'analysis.completed']])
  t.match(result, {
    ok: true,
    template: 'default',
    failed: [],
    notes: ['cut'],
    message: {
      event: { id: anEvent().id, received_at: '2026-11-23T12:00:01.000Z', source_title: 'title of cuuro' },
      summary: { name: null, what: 'analysis completed', id: '0191e29a…636e' },
      data: anEvent().payload.data,
      route: { name: 'analyses' },
      receiver: { name: 'deal-flow' },
      link: 'https://app.example.com/1',
    },
  })
  const without = render(deps([works]), anEvent(), planned)
  t.equal(without.ok && (without.message as RenderView).link, null, 'no link is null, which is false')
})

t.test('after a template that fails the next one is used, with a note', async (t) => {
  t.strictSame(render(deps([fails, { ...works, renderer: nothingToSay }]), anEvent(), planned), {
    ok: true,
    message: 'hello',
    template: 'default',
    failed: ['mine'],
    notes: ['template mine failed: too much', 'rendered with template default instead'],
  })
})

t.test('where all fail, the reason is the last one', async (t) => {
  t.strictSame(render(deps([fails]), anEvent(), planned), {
    ok: false,
    reason: 'rendering failed: template mine failed: too much',
    failed: ['mine'],
    notes: ['template mine failed: too much'],
  })
  t.match(render(deps([]), anEvent(), planned), {
    ok: false,
    reason: 'rendering failed: no template for slack',
    failed: [],
  })
})

const nothingToSay: NamedRenderer['renderer'] = {
  render: () => ({ ok: true, message: 'hello', notes: [] }),
}

t.test('what a link or a template throws is recorded as what it is, on one line', async (t) => {
  const thrown: readonly unknown[] = [
    new URIError('URI malformed'),
    new RangeError('Maximum call stack size\nexceeded'),
    new TypeError('Do not know how to serialize a BigInt'),
    'not an error',
  ]
  const reasons = [
    'URIError: URI malformed',
    'RangeError: Maximum call stack size exceeded',
    'TypeError: Do not know how to serialize a BigInt',
    'not an error',
  ]
  for (const [index, error] of thrown.entries()) {
    const throws = () => {
      throw error
    }
    const broken: NamedRenderer = { name: 'mine', renderer: { render: throws } }
    t.strictSame(render(deps([broken]), anEvent(), planned), {
      ok: false,
      reason: `rendering failed: template mine failed: ${reasons[index]}`,
      failed: ['mine'],
      notes: [`template mine failed: ${reasons[index]}`],
    })
    t.match(render(deps([broken, works]), anEvent(), planned), { ok: true, template: 'default' })
    const unlinked = render({ ...deps([works]), links: throws }, anEvent(), planned)
    for (const part of [{ sourceTitle: throws }, { renderers: throws }]) {
      const reason = `rendering failed: ${reasons[index]}`
      t.match(render({ ...deps([works]), ...part }, anEvent(), planned), {
        ok: false,
        reason,
        notes: [reason],
      })
    }
    t.match(unlinked, { ok: true, notes: [`left out the link, which failed: ${reasons[index]}`, 'cut'] })
  }
  const never = { ...anEvent(), receivedAt: Number.NaN }
  t.match(render(deps([works]), never, planned), {
    ok: false,
    reason: 'rendering failed: RangeError: Invalid time value',
  })
})
