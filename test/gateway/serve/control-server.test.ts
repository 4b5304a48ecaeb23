import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import {
  type ControlOptions,
  type ControlRequest,
  openControlServer,
  type Requester,
} from '../../../gateway/serve/control-server.ts'

/** A socket's path has at most 107 bytes, and that of a `testdir` has more. */
function folder(test: Test): string {
  const made = mkdtempSync('/tmp/tidegate-test-')
  test.teardown(() => rmSync(made, { recursive: true }))
  return made
}

const noFault = (cause: unknown): never => {
  throw cause
}

async function open(path: string, options: Partial<ControlOptions> = {}) {
  return openControlServer(
    { path, answer: async () => ({ ok: true }), onFault: noFault, ...options },
    AbortSignal.timeout(10_000),
  )
}

async function dial(path: string) {
  const socket = createConnection({ path })
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  const lines = createInterface(socket)[Symbol.asyncIterator]()
  return {
    socket,
    send: (text: string) => void socket.write(text),
    next: async (): Promise<unknown> => {
      const { done, value } = await lines.next()
      return done === true ? undefined : JSON.parse(value)
    },
  }
}

t.test('openControlServer(): one reply a request, in order, however they are cut into packets', async t => {
  const path = `${folder(t)}/deep/gateway.sock`
  const seen: string[] = []
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await using _server = await open(path, {
    answer: async request => {
      const job = 'job' in request ? request.job : ''
      seen.push(job)
      await gates[seen.length - 1]?.promise
      return { ok: true, job }
    },
  })
  t.equal(statSync(path).mode & 0o777, 0o600)
  const { send, next, socket } = await dial(path)
  send('{"op":"detach","job":"o')
  send('ne"}\n{"op":"detach","job":"two"}\n')
  gates[1]?.resolve()
  gates[0]?.resolve()
  t.strictSame(
    [await next(), await next()],
    [
      { ok: true, job: 'one' },
      { ok: true, job: 'two' },
    ],
  )
  t.strictSame(seen, ['one', 'two'])
  socket.destroy()
})

const bad: readonly (readonly [sentence: string, line: string])[] = [
  ['no JSON', 'attach'],
  ['JSON that is no request', '[]'],
  ['an unknown operation', '{"op":"widen"}'],
  ['a job that is a path', '{"op":"attach","job":"../x"}'],
  ['a proof of nothing', '{"op":"proved","job":"a","checks":[]}'],
  ['a wait without end', '{"op":"attach","job":"a","waitMs":1e12}'],
]
for (const [sentence, line] of bad) {
  t.test(`openControlServer(): ${sentence} is refused, and the next request is answered`, async t => {
    const path = `${folder(t)}/gateway.sock`
    await using _server = await open(path)
    const { send, next, socket } = await dial(path)
    send(`${line}\n{"op":"status"}\n`)
    t.match(await next(), { ok: false, code: 'REQUEST_INVALID', error: String })
    t.strictSame(await next(), { ok: true })
    socket.destroy()
  })
}

t.test('openControlServer(): what the answer throws is a refusal; a fault of ours closes the connection', async t => {
  const path = `${folder(t)}/gateway.sock`
  const faults: unknown[] = []
  const answer = async (request: ControlRequest): Promise<never> => {
    if (request.op === 'status') throw new TypeError('a fault')
    throw new GatewayError('CONFIG_INVALID', 'wrong', { details: { faults: ['one', 'two'] } })
  }
  await using _server = await open(path, { answer, onFault: cause => void faults.push(cause) })
  const { send, next } = await dial(path)
  send('{"op":"detach","job":"a"}\n')
  t.strictSame(await next(), { ok: false, code: 'CONFIG_INVALID', error: 'wrong: one; two' })
  send('{"op":"status"}\n')
  t.equal(await next(), undefined)
  t.match(faults, [{ message: 'a fault' }])
})

t.test('openControlServer(): whoever says too much, or nothing, is cut off', async t => {
  const path = `${folder(t)}/gateway.sock`
  await using _server = await open(path, { idleMs: 50 })
  const long = await dial(path)
  long.send('x'.repeat(70_000))
  t.match(await long.next(), { code: 'REQUEST_INVALID' })
  t.equal(await long.next(), undefined)
  t.equal(await (await dial(path)).next(), undefined, 'silence')
})

t.test(
  'openControlServer(): the requester learns that its connection is closed, and can be given up with a reason',
  async t => {
    const path = `${folder(t)}/gateway.sock`
    const { promise, resolve } = Promise.withResolvers<Requester>()
    const answer: ControlOptions['answer'] = async (_request, from) => {
      resolve(from)
      return { ok: true }
    }
    await using _server = await open(path, { answer, idleMs: 20 })
    const one = await dial(path)
    one.send('{"op":"attach","job":"a"}\n')
    await one.next()
    const from = await promise
    t.equal(from.closed.aborted, false, 'who has attached something may be silent while it lays and proves')
    from.giveUp({ ok: false, code: 'LINK_FAILED', error: 'gone' })
    t.strictSame(await one.next(), { ok: false, code: 'LINK_FAILED', error: 'gone' })
    t.equal(await one.next(), undefined)
    if (!from.closed.aborted) await once(from.closed, 'abort')
    from.giveUp({ ok: false, code: 'LINK_FAILED', error: 'again' })
  },
)

t.test('openControlServer(): a socket that is left over is replaced, one that is served is not', async t => {
  const path = `${folder(t)}/gateway.sock`
  writeFileSync(path, '')
  {
    await using _server = await open(path)
    await t.rejects(open(path), { code: 'PORT_IN_USE' })
    t.ok(existsSync(path))
  }
  t.equal(existsSync(path), false)
  await t.rejects(open('/etc/passwd/gateway.sock'), { code: 'SOCKET_FAILED' })
})
