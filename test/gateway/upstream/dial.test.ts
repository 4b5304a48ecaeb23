import { once } from 'node:events'
import { connect as connectTcp, createServer, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import { dial } from '../../../gateway/upstream/dial.ts'
import type { Connect, Resolver } from '../../../gateway/upstream/outside.ts'
import { address, hostname, policyOf, port } from '../door/fake-job.ts'
import { portOf } from '../http/harness.ts'

const target = { host: hostname('api.example.test'), port: port(443), policy: policyOf('block', ['api.example.test']) }
const never = new AbortController().signal

function resolving(...addresses: readonly string[]): Resolver {
  return { resolve: () => Promise.resolve(addresses.map(address)) }
}

/** A server, and what each documentation address does: answer, refuse, or stay silent. */
async function outside(
  t: Test,
  behaviour: Readonly<Record<string, 'answers' | 'refuses' | 'silent'>>,
): Promise<{ connect: Connect; attempts: string[]; sockets: Socket[] }> {
  const server = createServer(socket => socket.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const attempts: string[] = []
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const connect: Connect = to => {
    attempts.push(to)
    const socket = behaviour[to] === 'answers' ? connectTcp({ host: '127.0.0.1', port: portOf(server) }) : new Socket()
    if (behaviour[to] === 'refuses')
      setImmediate(() => socket.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })))
    sockets.push(socket)
    return socket
  }
  return { connect, attempts, sockets }
}

t.test('dial(): the first address that answers wins', async t => {
  const { connect, attempts } = await outside(t, { '203.0.113.1': 'answers', '203.0.113.2': 'answers' })
  const dialled = await dial(target, resolving('203.0.113.1', '203.0.113.2'), never, connect)
  t.match(dialled, { address: '203.0.113.1' })
  t.strictSame(attempts, ['203.0.113.1'])
})

t.test('dial(): an address that refuses costs no delay', async t => {
  const { connect, attempts } = await outside(t, { '2606:4700::1': 'refuses', '203.0.113.1': 'answers' })
  const dialled = await dial(target, resolving('2606:4700::1', '203.0.113.1'), never, connect)
  t.match(dialled, { address: '203.0.113.1' })
  t.strictSame(attempts, ['2606:4700::1', '203.0.113.1'])
})

t.test('dial(): a silent address is raced after a moment, and let go when it loses', async t => {
  const { connect, sockets } = await outside(t, { '2606:4700::1': 'silent', '203.0.113.1': 'answers' })
  const dialled = await dial(target, resolving('2606:4700::1', '203.0.113.1'), never, connect)
  t.match(dialled, { address: '203.0.113.1' })
  t.strictSame(
    sockets.map(socket => socket.destroyed),
    [true, false],
  )
})

t.test('dial(): when all refuse it says what each did', async t => {
  const { connect } = await outside(t, { '203.0.113.1': 'refuses', '203.0.113.2': 'refuses' })
  await t.rejects(dial(target, resolving('203.0.113.1', '203.0.113.2'), never, connect), {
    code: 'UPSTREAM_UNREACHABLE',
    details: { attempts: { '203.0.113.1': 'ECONNREFUSED', '203.0.113.2': 'ECONNREFUSED' } },
  })
})

t.test('dial(): aborting ends every attempt', async t => {
  const { connect, sockets } = await outside(t, { '203.0.113.1': 'silent' })
  const aborting = new AbortController()
  const dialling = dial(target, resolving('203.0.113.1'), aborting.signal, connect)
  setImmediate(() => aborting.abort(new GatewayError('CLIENT_ABORTED', 'gone')))
  await t.rejects(dialling, { code: 'CLIENT_ABORTED' })
  t.strictSame(
    sockets.map(socket => socket.destroyed),
    [true],
  )
  await t.rejects(dial(target, resolving('203.0.113.1'), AbortSignal.abort(new Error('before')), connect), /before/)
})

t.test('dial(): D10 a private address is a denial, and nothing is dialled', async t => {
  const { connect, attempts } = await outside(t, {})
  t.match(await dial(target, resolving('10.0.0.1'), never, connect), { verdict: 'deny', reason: 'private-address' })
  t.strictSame(attempts, [])
})

t.test('dial(): a literal is not resolved', async t => {
  const { connect } = await outside(t, { '203.0.113.7': 'answers' })
  const resolver: Resolver = { resolve: () => Promise.reject(new Error('asked')) }
  t.match(await dial({ ...target, host: address('203.0.113.7') }, resolver, never, connect), { address: '203.0.113.7' })
})
