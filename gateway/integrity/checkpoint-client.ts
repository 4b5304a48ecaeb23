import { once } from 'node:events'
import { createConnection } from 'node:net'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { ManifestFindings } from '../control/source-requests.ts'
import { GatewayError } from '../errors.ts'

/** Where a job finds its gateway. */
export const jobSocketPath = '/run/tidegate/job.sock'

const answer = z.union([
  z.looseObject({
    ok: z.literal(true),
    commit: z.string(),
    files: z.number(),
    changed: z.number(),
    failed: z.array(z.string()).default([]),
  }),
  z.looseObject({ ok: z.literal(false), error: z.string() }),
])

/** What the gateway made of a checkpoint. */
export interface Checkpointed {
  readonly commit: string
  /** Files that are watched. */
  readonly files: number
  /** Files that are not what the commit says, or were changed meanwhile. */
  readonly changed: number
  /** Why the policy fails the job, so far. */
  readonly failed: readonly string[]
}

/**
 * Tells the gateway of this job that the checkout in a folder is complete, and waits until it has read it.
 * @throws GatewayError GATEWAY_UNREACHABLE, GATEWAY_REFUSED
 */
export async function askCheckpoint(folder: string, path: string, signal: AbortSignal): Promise<Checkpointed> {
  let reply: string
  try {
    reply = await converse({ op: 'checkpoint', folder }, path, signal)
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new GatewayError(
      'GATEWAY_UNREACHABLE',
      `no gateway listens at ${path} (${why}): checkpoint runs in a job whose policy has integrity:`,
      { cause },
    )
  }
  const said = answer.safeParse(parsed(reply))
  if (said.success && said.data.ok) return said.data
  const why = said.success && !said.data.ok ? said.data.error : 'its answer is none'
  throw new GatewayError('GATEWAY_REFUSED', `the gateway took no checkpoint: ${why}`)
}

/** Tells the gateway of this job, if there is one that listens, what an archive holds that its commit does not. */
export async function tellManifest(findings: ManifestFindings, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    const reply = parsed(await converse({ op: 'manifest', ...findings }, path, signal))
    return z.looseObject({ ok: z.literal(true) }).safeParse(reply).success
  } catch {
    // Nobody listens: then the exit code and what is printed say it.
    return false
  }
}

async function converse(request: object, path: string, signal: AbortSignal): Promise<string> {
  const socket = createConnection({ path, signal })
  await once(socket, 'connect', { signal })
  socket.end(`${JSON.stringify(request)}\n`)
  return text(socket)
}

function parsed(reply: string): unknown {
  try {
    return JSON.parse(reply)
  } catch {
    return undefined
  }
}
