import type { Test } from 'tap'
import { openUpstreamResolver, type UpstreamOptions, type UpstreamResolver } from '../../../gateway/dns/upstream.ts'
import { connectDatagrams } from '../../../gateway/packet/datagram-batch.ts'
import { hostname } from './fake-job.ts'
import { reply, ScriptedResolver, type Script } from './scripted-resolver.ts'

const a = 1
export const www = hostname('www.test')
/** One A record for every name, nothing else. */
export const answerOf: Script = asked =>
  reply(asked, { answers: asked.type === a ? [{ type: a, address: '192.0.2.1' }] : [] })

/** One try that waits for as long as a busy machine takes: what is asked twice is then asked twice by us. */
const patience = { tryMs: 20_000, tries: 1, deadlineMs: 60_000 }

export interface Rig {
  readonly resolver: ScriptedResolver
  readonly upstream: UpstreamResolver & AsyncDisposable
  /** Time that is added to the real one. */
  skip(ms: number): void
  /** What was asked, e.g. `udp www.test 1`. */
  sent(): readonly string[]
}

/** A resolver of ours before a scripted one; both are gone at the end of the test. */
export async function upstreamRig(t: Test, script: Script, options: Partial<UpstreamOptions> = {}): Promise<Rig> {
  const resolver = await ScriptedResolver.open(script)
  let skipped = 0
  const upstream = openUpstreamResolver({
    servers: [resolver.address],
    patience,
    hasIpv6: () => true,
    // As the gateway does it; the tests of the server take Node's own way.
    connect: connectDatagrams,
    now: () => Date.now() + skipped,
    ...options,
  })
  t.teardown(async () => {
    await upstream[Symbol.asyncDispose]()
    await resolver[Symbol.asyncDispose]()
  })
  return {
    resolver,
    upstream,
    skip: ms => (skipped += ms),
    sent: () => resolver.asked.map(({ name, type, transport }) => `${transport} ${name} ${type}`),
  }
}

/** A signal that never comes. */
export const never = (): AbortSignal => new AbortController().signal
