import { Server } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { affordable, boundConnections } from '../../../src/http/limits/connections.ts'
import { createPlaces } from '../../../src/http/limits/places.ts'

t.test('a body that dawdles gives up its place; one that has begun, or is whole, does not', async (t) => {
  const gone: string[] = []
  const places = createPlaces<string>((request) => gone.push(request))
  const take = (request: string, now: number, known = false) => places.take(request, known, 2, now)
  t.ok(take('slow', 0))
  t.ok(take('whole', 0))
  places.arrived('whole')
  t.notOk(take('third', 999), 'the first second is everybody’s')
  t.ok(take('third', 1_000))
  t.same(gone, ['slow'])
  t.notOk(take('fourth', 1_500))
  places.leave('whole')
  t.ok(take('fourth', 1_500))
  places.leave('slow')
  t.notOk(take('fifth', 1_600), 'who gave up a place leaves none behind')
  t.same(gone, ['slow'])
})

t.test('strangers make room for those who are known, and never the other way round', async (t) => {
  const gone: string[] = []
  const places = createPlaces<string>((request) => gone.push(request))
  const take = (request: string, now: number, known: boolean) => places.take(request, known, 2, now)
  take('stranger', 0, false)
  take('other stranger', 0, false)
  t.ok(take('friend', 1, true), 'at once')
  t.ok(take('other friend', 1, true))
  t.same(gone, ['stranger', 'other stranger'])
  t.notOk(take('third friend', 2, true), 'a burst of friends does not push out friends')
  t.notOk(take('slow stranger', 5_000, false))
  t.ok(take('third friend', 5_000, true), 'but one that dawdles')
  t.same(gone, ['stranger', 'other stranger', 'friend'])
})

t.test('the connection that was of no use for longest makes room', async (t) => {
  const server = new Server()
  // No HTTP is spoken here.
  server.removeAllListeners('connection')
  const { touch } = boundConnections(server, 2, () => false)
  const open = () => {
    const socket = new Socket()
    server.emit('connection', socket)
    t.teardown(() => socket.destroy())
    return socket
  }
  const [first, second] = [open(), open()]
  touch(first)
  const third = open()
  t.same([first.destroyed, second.destroyed, third.destroyed], [false, true, false])
  const fourth = open()
  t.same(
    [first.destroyed, third.destroyed, fourth.destroyed],
    [false, true, false],
    'a stranger before a friend',
  )
  touch(fourth)
  open()
  t.ok(first.destroyed, 'then the friend of longest ago')
})

t.test('as many connections as the process may open files for', async (t) => {
  t.equal(affordable(4_096, 524_288), 4_096)
  t.equal(affordable(4_096, 1_024), 864)
  t.equal(affordable(4_096, 200), 50)
  t.equal(affordable(4_096, 1), 1)
  t.ok(affordable(4_096) > 0)
})
