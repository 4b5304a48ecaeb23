import type { Socket } from 'node:net'
import { z } from 'zod'
import { listenForJob } from '../control/job-listener.ts'
import {
  type CheckpointAnswer,
  checkpointRequest,
  manifestRequest,
  mostSourceRequests,
  type SourceDesk,
  sourceLifeMs,
} from '../control/source-requests.ts'

/** What the job may say there, one JSON object a line: nothing that it could gain by. */
const request = z.discriminatedUnion('op', [checkpointRequest, manifestRequest])

/** What is answered. */
type Reply = CheckpointAnswer | { readonly ok: true }

const longestRequest = 8_192
const mostConnections = 8

/**
 * Serves `job.sock` of a job of `run`: `checkpoint` and `manifest` (docs/job-socket.md), one request a connection. The answer
 * to a fault is a fault, which is told to `onFault`; the gateway is never at risk.
 * @throws GatewayError SOCKET_FAILED
 */
export function openCheckpointSocket(
  path: string,
  desk: SourceDesk,
  onFault: (cause: unknown) => void,
): Promise<AsyncDisposable> {
  let count = 0
  const answer = async (line: string): Promise<Reply> => {
    const asked = request.safeParse(parsed(line))
    if (!asked.success)
      return { ok: false, error: 'a request is {"op":"checkpoint","folder":PATH} or {"op":"manifest",…}' }
    count += 1
    if (count > mostSourceRequests) return { ok: false, error: `a job has ${mostSourceRequests} requests` }
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
  const converse = (socket: Socket): void => {
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
  }
  const options = { path, mostConnections, lifeMs: sourceLifeMs, converse, onFault }
  return listenForJob(options, new AbortController().signal)
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
