/** How many connections a mail server gets, against a server in which every mail takes one round. */
import fc from 'fast-check'
import t from 'tap'
import { Connections } from '../../../src/channels/email/sending/connections.ts'
import { FIRST_CONNECTIONS } from '../../../src/channels/email/settings.ts'

interface Server {
  /** Connections that it accepts at once. */
  readonly allows: number
  open: number
  most: number
  refused: number
}

interface Sent {
  readonly rounds: number
  readonly failed: number
}

const TOO_MANY = { message: '421 Too many connections', step: 'greeting', begun: false } as const

function serverOf(allows: number): Server {
  return { allows, open: 0, most: 0, refused: 0 }
}

function connectionsTo(server: Server, max: number, clock = { now: 0 }) {
  return new Connections({
    create() {
      let isOpen = false
      return {
        usable: true,
        async open() {
          if (server.open >= server.allows) {
            server.refused++
            return TOO_MANY
          }
          isOpen = true
          server.most = Math.max(server.most, ++server.open)
          return null
        },
        close() {
          if (isOpen) server.open--
          isOpen = false
        },
      }
    },
    max,
    waitMs: 60_000,
    isLimit: (_, others) => others !== 'none',
    now: () => clock.now,
  })
}

/** As the loop does: no more mails at once than the limit says; in each round the server takes one over each connection. */
async function send(connections: ReturnType<typeof connectionsTo>, mails: number): Promise<Sent> {
  let begun = 0
  let failed = 0
  let rounds = 0
  let inFlight = 0
  const taken: (() => void)[] = []
  while (begun < mails || inFlight > 0) {
    for (; begun < mails && inFlight < connections.limit; begun++) {
      inFlight++
      connections.take().then((result) => {
        if (result.ok) taken.push(() => connections.giveBack(result.session))
        else failed++
        if (!result.ok) inFlight--
      })
    }
    await new Promise((resolve) => setImmediate(resolve))
    rounds++
    for (const giveBack of taken.splice(0)) {
      inFlight--
      giveBack()
    }
  }
  return { rounds, failed }
}

t.test('they double with every mail that takes as long as the others, up to the setting', async (t) => {
  const server = serverOf(1_000)
  const connections = connectionsTo(server, 50)
  t.equal(connections.limit, FIRST_CONNECTIONS)
  // 5, 10, 20, 40, and then 50 a round.
  t.strictSame(await send(connections, 75 + 6 * 50), { rounds: 10, failed: 0 })
  t.equal(server.most, 50)
  connections.close()
  t.equal(
    connections.limit,
    FIRST_CONNECTIONS,
    'what is idle for long is closed, and not opened again at once',
  )
})

t.test('mails that come one at a time need one', async (t) => {
  const server = serverOf(1_000)
  const connections = connectionsTo(server, 50)
  for (let sent = 0; sent < 100; sent++) await send(connections, 1)
  t.equal(server.most, 1)
  t.equal(connections.limit, FIRST_CONNECTIONS)
  connections.close()
})

t.test('a server that allows three refuses two, once', async (t) => {
  const server = serverOf(3)
  const connections = connectionsTo(server, 50)
  const { rounds, failed } = await send(connections, 300)
  t.strictSame([failed, server.most, server.refused, connections.limit], [0, 3, 2, 3])
  t.ok(rounds <= 102, `all that it allows are used: ${rounds} rounds`)
  connections.close()
})

t.test('a minute after a refusal one more is tried', async (t) => {
  const server = serverOf(3)
  const clock = { now: 0 }
  const connections = connectionsTo(server, 50, clock)
  await send(connections, 100)
  clock.now += 60_000
  t.equal(connections.limit, 4)
  await send(connections, 100)
  t.strictSame([server.refused, connections.limit], [3, 3])
  connections.close()
})

t.test('whatever a server allows, every mail goes out, and few connections are refused', async (t) => {
  const numbers = fc.record({
    allows: fc.integer({ min: 1, max: 60 }),
    max: fc.integer({ min: 1, max: 100 }),
    mails: fc.integer({ min: 0, max: 400 }),
  })
  await fc.assert(
    fc.asyncProperty(numbers, async ({ allows, max, mails }) => {
      const server = serverOf(allows)
      const connections = connectionsTo(server, max)
      const { failed } = await send(connections, mails)
      connections.close()
      if (failed > 0) throw new Error(`${failed} mails failed`)
      if (server.most > max) throw new Error(`${server.most} connections`)
      // Those of one round: the first five, or as many again as it had taken.
      if (server.refused > Math.max(FIRST_CONNECTIONS - 1, allows))
        throw new Error(`${server.refused} refused`)
      if (server.open !== 0) throw new Error(`${server.open} are left open`)
    }),
    { numRuns: 200 },
  )
  t.pass('in 200 cases')
})
