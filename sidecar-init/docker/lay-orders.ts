import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Lines } from '../../gateway/control/lines.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { openNetworkNamespace } from '../../gateway/packet/namespace.ts'
import type { Run } from '../../gateway/packet/run.ts'
import { interfacesIn } from '../job-network.ts'
import { layWire, removeWire } from '../link/apply.ts'
import { type JobSide, thisSide } from '../link/job-side.ts'
import { networkPresent } from '../link/preflight.ts'
import { proveLink } from '../link/prove.ts'
import { layOrder, type LayOrder, type LayReport, maxLayLineBytes } from './lay-protocol.ts'

/** What a helper is made of. */
export interface LayOptions {
  readonly run: Run
  /** Where the engine's files are that show network namespaces. */
  readonly namespaces: string
  readonly report: (report: LayReport) => void
}

/**
 * Lays and proves wires as it is told, each as `link` does it, several at once; resolves when no more orders come and the
 * last is done, or when one cannot be read.
 * @throws GatewayError REQUEST_INVALID
 */
export async function obeyOrders(
  orders: AsyncIterable<Buffer>,
  options: LayOptions,
  signal: AbortSignal,
): Promise<void> {
  const lines = new Lines(maxLayLineBytes)
  const stopping = new AbortController()
  const stop = AbortSignal.any([signal, stopping.signal])
  const going = new Set<Promise<void>>()
  try {
    for await (const chunk of orders) {
      const whole = lines.push(chunk)
      if (whole === undefined) throw invalid('an order is too long')
      for (const line of whole) {
        const done = obey(parseOrder(line), options, stop)
        going.add(done)
        void done.finally(() => going.delete(done))
      }
    }
  } finally {
    // Nobody listens any more: what is not proved by now is undone.
    stopping.abort()
    await Promise.all(going)
  }
}

/** One wire, told step by step. Never rejects. */
async function obey({ order, namespace, plan }: LayOrder, options: LayOptions, signal: AbortSignal): Promise<void> {
  const { run, namespaces, report } = options
  using owned = new DisposableStack()
  let side: JobSide = thisSide
  let isEntered = false
  let isTouched = false
  try {
    if (namespace !== undefined) side = owned.use(openNetworkNamespace(join(namespaces, namespace)))
    const others = side.run(() => interfacesIn(readFileSync('/proc/thread-self/net/dev', 'latin1')))
    isEntered = true
    const foreign = others.filter(name => name !== 'lo')
    if (foreign.length > 0) throw networkPresent(foreign)
    isTouched = true
    await layWire(run, plan, side, signal)
    report({ order, step: 'laid' })
    const checks = await proveLink(plan, side, signal)
    report({ order, step: 'proved', checks: [...checks] })
  } catch (cause) {
    const error = await undone(cause, isTouched ? () => removeWire(run, plan, side) : undefined)
    report({ order, step: 'failed', unseen: !isEntered, error })
  }
}

/** Removes what is there of a wire, and says what went wrong, first things first. */
async function undone(cause: unknown, undo: (() => Promise<void>) | undefined): Promise<string> {
  const said = [messageOf(cause)]
  try {
    await undo?.()
  } catch (second) {
    said.push(messageOf(second))
  }
  return said.join('; ').slice(0, 2_000)
}

function parseOrder(line: string): LayOrder {
  let raw: unknown
  try {
    raw = JSON.parse(line)
  } catch (cause) {
    throw invalid('an order is one line of JSON', cause)
  }
  const parsed = layOrder.safeParse(raw)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, parsed.error)
}

function invalid(message: string, cause?: unknown): GatewayError {
  return new GatewayError('REQUEST_INVALID', message, cause === undefined ? {} : { cause })
}

function messageOf(cause: unknown): string {
  return cause instanceof Error && cause.message !== '' ? cause.message : String(cause)
}
