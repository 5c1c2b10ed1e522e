/** The baselines: a bare Fastify POST, and the same with svix's verify. Prints its port, serves until killed. */
import fastify from 'fastify'
import { Webhook } from 'svix'

const [kind, secret = ''] = process.argv.slice(2)
const server = fastify()
if (kind === 'verify') {
  const webhook = new Webhook(secret)
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  server.post('/webhooks/bench', async (request, reply) => {
    const { headers } = request
    webhook.verify(request.body as Buffer, {
      'svix-id': String(headers['svix-id']),
      'svix-timestamp': String(headers['svix-timestamp']),
      'svix-signature': String(headers['svix-signature']),
    })
    return reply.code(202).send({ id: headers['svix-id'] })
  })
} else {
  server.post('/webhooks/bench', async (request, reply) =>
    reply.code(202).send({ id: request.headers['svix-id'] }),
  )
}
const url = await server.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`listening ${url}\n`)
