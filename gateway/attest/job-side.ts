import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { z } from 'zod'
import { contains, parseCidr } from '../net/cidr.ts'
import { type Address, addressFromBytes } from '../net/address.ts'

/** Where a job finds what the gateway gives it. */
export const runFolder = '/run/tidegate'
const jobSocket = `${runFolder}/job.sock`
const replyMs = 3_000
const mostReply = 8_388_608

/** Reads where the default route leads, as the kernel says it; undefined when there is none. */
export function defaultGateway(): Address | undefined {
  return defaultGatewayIn(readFileSync('/proc/thread-self/net/route', 'latin1'))
}

/** The same of the text of /proc/net/route. Pure. */
export function defaultGatewayIn(text: string): Address | undefined {
  const fields = text
    .split('\n')
    .slice(1)
    .map(line => line.split('\t'))
    .find(line => line[1] === '00000000' && line[2] !== '00000000')
  return fields?.[2] === undefined ? undefined : addressFromBytes(Buffer.from(fields[2], 'hex').toReversed())
}

/** Is there anything that only a job has: its folder, or the link of a wire? */
export function isInsideJob(gateway: Address | undefined): boolean {
  const links = parseCidr('198.19.0.0/16')
  return existsSync(`${runFolder}/ca.crt`) || (gateway !== undefined && links !== undefined && contains(links, gateway))
}

const reply = z.looseObject({ ok: z.boolean(), error: z.string().optional() })
const summaryReply = z.looseObject({
  summary: z.looseObject({ job: z.string(), mode: z.enum(['audit', 'block']).optional() }),
})

/** What the gateway says about this job; undefined where the job has no socket of its own. @throws Error when it does not answer */
export async function askSummary(signal: AbortSignal) {
  const said = await askJobSocket({ op: 'summary' }, signal)
  return said === undefined ? undefined : summaryReply.parse(said).summary
}

/** How a self-test ended. */
export interface SelfTestCounts {
  readonly cases: number
  readonly failed: number
  readonly skipped: number
}

/**
 * Has the gateway write into its record that a self-test begins, or how it ended; false where the job has no socket.
 * @throws Error when it does not, and why
 */
export async function tellSelfTest(counts: SelfTestCounts | 'begin', signal: AbortSignal): Promise<boolean> {
  const request = counts === 'begin' ? { phase: 'begin' } : { phase: 'end', ...counts }
  const said = await askJobSocket({ op: 'selftest', ...request }, signal)
  if (said === undefined) return false
  const { ok, error } = reply.parse(said)
  if (!ok) throw new Error(error ?? 'the gateway gives no reason')
  return true
}

async function askJobSocket(request: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<unknown> {
  if (!existsSync(jobSocket)) return undefined
  const socket = createConnection(jobSocket)
  const stop = AbortSignal.any([signal, AbortSignal.timeout(replyMs)])
  let text = ''
  const over = new AbortController()
  let trouble: Error | undefined
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (part.includes('\n') || text.length > mostReply) over.abort()
  })
  socket.on('error', cause => {
    trouble = cause
    over.abort()
  })
  socket.once('end', () => over.abort())
  socket.write(`${JSON.stringify(request)}\n`)
  const either = AbortSignal.any([stop, over.signal])
  if (!either.aborted) await once(either, 'abort')
  socket.destroy()
  const line = text.split('\n', 1)[0] ?? ''
  if (text.includes('\n')) return JSON.parse(line)
  throw new Error(trouble?.message ?? 'no answer')
}
