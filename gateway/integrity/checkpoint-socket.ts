import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { z } from 'zod'
import type { CheckpointAnswer, ManifestFindings } from './messages.ts'

/** What the job may say there, one JSON object a line: nothing that it could gain by. */
const request = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('checkpoint'), folder: z.string().max(4_096).optional() }),
  z.strictObject({
    op: z.literal('manifest'),
    archive: z.string().max(255),
    commit: z.string().regex(/^[0-9a-f]{40,64}$/),
    count: z.int().min(1).max(10_000_000),
    paths: z.array(z.string().max(255)).max(5),
  }),
])

/** Who answers the job. */
export interface CheckpointDesk {
  checkpoint(folder: string | undefined): Promise<CheckpointAnswer>
  manifest(findings: ManifestFindings): void
}

/** What is answered. */
type Reply = CheckpointAnswer | { readonly ok: true }

const longestRequest = 8_192
const mostConnections = 8
const lifeMs = 90_000
/** Reading all sources costs time: so many requests of a job, and no more. */
const mostCheckpoints = 100

/**
 * Serves `job.sock` of a job of `run`: `checkpoint` and `manifest` (docs/job-socket.md). Everyone in the job may ask. The
 * answer to a fault is a fault, which is told to `onFault`; the gateway is never at risk.
 * @throws Error of the file system when there can be no socket
 */
export async function openCheckpointSocket(
  path: string,
  desk: CheckpointDesk,
  onFault: (cause: unknown) => void,
): Promise<AsyncDisposable> {
  const open = new Set<Socket>()
  let count = 0
  const answer = async (line: string): Promise<Reply> => {
    const asked = request.safeParse(parsed(line))
    if (!asked.success)
      return { ok: false, error: 'a request is {"op":"checkpoint","folder":PATH} or {"op":"manifest",…}' }
    count += 1
    if (count > mostCheckpoints) return { ok: false, error: `a job has ${mostCheckpoints} requests` }
    if (asked.data.op === 'checkpoint') return desk.checkpoint(asked.data.folder)
    desk.manifest(asked.data)
    return { ok: true }
  }
  const answered = async (line: string): Promise<Reply> => {
    try {
      return await answer(line)
    } catch (cause) {
      onFault(cause)
      return { ok: false, error: 'the gateway met a fault of its own; its log says which' }
    }
  }
  const server = createServer({ allowHalfOpen: true }, socket => {
    if (open.size >= mostConnections) {
      socket.destroy()
      return
    }
    open.add(socket)
    const end = setTimeout(() => socket.destroy(), lifeMs)
    socket.once('close', () => {
      clearTimeout(end)
      open.delete(socket)
    })
    socket.on('error', () => socket.destroy())
    let said = ''
    socket.setEncoding('utf8')
    const take = (piece: string): void => {
      said += piece
      const lineEnd = said.indexOf('\n')
      if (lineEnd === -1 && said.length <= longestRequest) return
      socket.off('data', take)
      const line = lineEnd === -1 ? '' : said.slice(0, lineEnd)
      void answered(line).then(reply => socket.end(`${JSON.stringify(reply)}\n`))
    }
    socket.on('data', take)
  })
  rmSync(path, { force: true })
  server.listen(path)
  await once(server, 'listening')
  // The job's steps may run as anyone.
  chmodSync(path, 0o666)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  server.once('close', resolve)
  server.on('error', onFault)
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
