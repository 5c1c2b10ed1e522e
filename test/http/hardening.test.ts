/** Every answer carries the same headers, whether it comes from a route, from Fastify or from Node. */
import t from 'tap'
import { Secret } from '../../src/core/secret.ts'
import { newEvent, signedHeaders } from '../support/service.ts'
import { askRaw, fakeServer } from './fake-server.ts'

const expected = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

function headersOf(answer: string): Map<string, string> {
  const [head = ''] = answer.split('\r\n\r\n')
  const lines = head.split('\r\n').slice(1)
  return new Map(
    lines.map((line) => [line.split(': ')[0]?.toLowerCase() ?? '', line.replace(/^[^:]+: /, '')]),
  )
}

t.test('on every answer', async (t) => {
  const listen = async (limits = {}) => {
    const { server } = fakeServer(t, {
      deps: { adminToken: () => new Secret('only-tests-know-this-token'), failureLimit: () => null },
      limits,
    })
    return new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port
  }
  const patient = await listen()
  const hasty = await listen({ requestTimeout: 1_000 })
  const { messageId, body } = newEvent()
  const signed = Object.entries(signedHeaders(messageId, body)).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const close = 'host: x\r\nconnection: close\r\n'
  const cases: readonly [number, string, string][] = [
    [
      202,
      'an event',
      `POST /webhooks/cuuro HTTP/1.1\r\n${close}${signed.join('')}content-length: ${body.length}\r\n\r\n${body}`,
    ],
    [200, 'a health check', `GET /livez HTTP/1.1\r\n${close}\r\n`],
    [200, 'the metrics', `GET /metrics HTTP/1.1\r\n${close}\r\n`],
    [200, 'the head of the metrics', `HEAD /metrics HTTP/1.1\r\n${close}\r\n`],
    [200, 'readiness', `GET /readyz HTTP/1.1\r\n${close}\r\n`],
    [
      401,
      'no signature',
      `POST /webhooks/cuuro HTTP/1.1\r\n${close}content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
    ],
    [401, 'no token', `POST /-/reload HTTP/1.1\r\n${close}\r\n`],
    [404, 'nothing there', `GET / HTTP/1.1\r\n${close}\r\n`],
    [404, 'a long name', `POST /webhooks/${'x'.repeat(200)} HTTP/1.1\r\n${close}\r\n`],
    [400, 'a wrong path', `GET /%zz HTTP/1.1\r\n${close}\r\n`],
    [400, 'no HTTP', 'hello\r\n\r\n'],
    [400, 'no host', 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n'],
    [417, 'an expectation', `GET /livez HTTP/1.1\r\n${close}expect: everything\r\n\r\n`],
    [408, 'nothing at all', ''],
  ]
  for (const [status, name, text] of cases) {
    const answer = await askRaw(Number(status === 408 ? hasty : patient), text)
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), name)
    const headers = headersOf(answer)
    for (const [header, value] of Object.entries(expected))
      t.equal(headers.get(header), value, `${name}: ${header}`)
    for (const header of ['server', 'x-powered-by', 'via'])
      t.notOk(headers.has(header), `${name}: no ${header}`)
  }
})
