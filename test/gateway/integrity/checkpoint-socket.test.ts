import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { CheckpointAnswer, ManifestFindings } from '../../../gateway/control/source-requests.ts'
import { askCheckpoint, tellManifest } from '../../../gateway/integrity/checkpoint-client.ts'
import { openCheckpointSocket } from '../../../gateway/integrity/checkpoint-socket.ts'

const commit = '0123456789'.repeat(4)
const signal = new AbortController().signal

/** The kernel takes a path of 107 bytes: a test's own folder may be deeper. */
function socketPath(t: { teardown(end: () => void): void }): string {
  const folder = mkdtempSync(`${tmpdir()}/tidegate-`)
  t.teardown(() => rmSync(folder, { recursive: true }))
  return `${folder}/job.sock`
}

async function say(path: string, words: string): Promise<string> {
  const socket = createConnection(path)
  await once(socket, 'connect')
  socket.write(words)
  return text(socket)
}

const failed = (cause: unknown): never => {
  throw cause
}

await t.test('a checkpoint, a manifest, and whatever else is said', async t => {
  const path = socketPath(t)
  const asked: (string | undefined)[] = []
  const told: ManifestFindings[] = []
  let answer: CheckpointAnswer = { ok: true, commit, files: 3, changed: 1 }
  await using _socket = await openCheckpointSocket(
    path,
    {
      async checkpoint(folder) {
        asked.push(folder)
        return answer
      },
      manifest: findings => void told.push(findings),
    },
    failed,
  )
  t.match(await askCheckpoint('/work', path, signal), { commit, files: 3, changed: 1 })
  t.strictSame(asked, ['/work'])
  answer = { ok: false, error: 'no repository' }
  await t.rejects(askCheckpoint('/x', path, signal), { code: 'GATEWAY_REFUSED', message: /no repository$/ })
  t.ok(await tellManifest({ archive: 'a.tar', commit, count: 2, paths: ['evil'] }, path, signal))
  t.match(told, [{ archive: 'a.tar', commit, count: 2, paths: ['evil'] }])
  t.notOk(await tellManifest({ archive: 'a'.repeat(300), commit, count: 2, paths: [] }, path, signal))
  for (const words of [
    'nonsense\n',
    '{}\n',
    '{"op":"narrow","policy":""}\n',
    '{"op":"checkpoint","more":1}\n',
    'x'.repeat(9_000),
  ])
    t.match(JSON.parse(await say(path, words)), { ok: false }, words.slice(0, 40))
  t.equal(told.length, 1)
  t.equal(asked.length, 2)
})

await t.test('it is asked so often, and no more; and nobody listens after', async t => {
  const path = socketPath(t)
  let count = 0
  const socket = await openCheckpointSocket(
    path,
    {
      async checkpoint() {
        count += 1
        return { ok: true, commit, files: 0, changed: 0 }
      },
      manifest: () => undefined,
    },
    failed,
  )
  for (let asked = 0; asked < 100; asked += 1) await askCheckpoint('/', path, signal)
  await t.rejects(askCheckpoint('/', path, signal), { code: 'GATEWAY_REFUSED' })
  t.equal(count, 100)
  await socket[Symbol.asyncDispose]()
  await t.rejects(askCheckpoint('/', path, signal), { code: 'GATEWAY_UNREACHABLE' })
  t.notOk(await tellManifest({ archive: 'a', commit, count: 1, paths: [] }, path, signal))
})

await t.test('a fault of ours is told to both sides, and the next is answered', async t => {
  const path = socketPath(t)
  const faults: unknown[] = []
  let isBroken = true
  await using _socket = await openCheckpointSocket(
    path,
    {
      async checkpoint() {
        if (isBroken) throw new Error('the thread is gone')
        return { ok: true, commit, files: 0, changed: 0 }
      },
      manifest: () => undefined,
    },
    cause => faults.push(cause),
  )
  await t.rejects(askCheckpoint('/', path, signal), { code: 'GATEWAY_REFUSED', message: /a fault of its own/ })
  t.match(faults, [{ message: 'the thread is gone' }])
  isBroken = false
  t.match(await askCheckpoint('/', path, signal), { commit })
})
