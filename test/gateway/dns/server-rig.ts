import type { Socket } from 'node:net'
import type { Test } from 'tap'
import { openDnsServer, type DnsServer, type DnsServerOptions } from '../../../gateway/dns/server.ts'
import { openUpstreamResolver } from '../../../gateway/dns/upstream.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { askUdp, query, read, type Seen } from './client.ts'
import { FakeJob, policy } from './fake-job.ts'
import { ScriptedResolver, zone, type Script } from './scripted-resolver.ts'

const a = 1
const internet = zone({
  'A npm.test': ['192.0.2.1'],
  'AAAA npm.test': ['2001:db8::1'],
  'AAAA six.test': ['2001:db8::6'],
  'A inside.test': ['10.0.0.1'],
})
export const rules =
  'allow: [npm.test, six.test, none.test, inside.test, slow.test, "**.wild.test"]\nforbid: ["**.webhook.test"]'

/** Resolves when the connection is over, however: a reset is one way to close it. */
export async function closing(socket: Socket): Promise<void> {
  socket.on('error', () => socket.destroy())
  await new Promise<void>(resolve => socket.once('close', () => resolve()))
}

export interface Rig {
  readonly job: FakeJob
  readonly server: DnsServer
  readonly resolver: ScriptedResolver
  ask(name: string, type?: number, edns?: { readonly size?: number }): Promise<Seen>
}

/** A server on loopback with a scripted resolver behind it; all of it is gone at the end of the test. */
export async function rig(
  t: Test,
  {
    inForce = policy('block', rules),
    script = internet,
    limit = 1_000,
    ...more
  }: Partial<DnsServerOptions> & { inForce?: Policy; script?: Script; limit?: number } = {},
): Promise<Rig> {
  const resolver = await ScriptedResolver.open(script)
  const upstream = openUpstreamResolver({
    servers: [resolver.address],
    hasIpv6: () => true,
    patience: { tryMs: 500, deadlineMs: 3_000 },
  })
  const job = new FakeJob(inForce, Date.now, limit)
  const server = await openDnsServer(
    { job, bind: { address: '127.0.0.1', port: 0 }, upstream, ...more },
    AbortSignal.timeout(20_000),
  )
  t.teardown(async () => {
    await server[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    await resolver[Symbol.asyncDispose]()
  })
  return {
    job,
    server,
    resolver,
    ask: async (name, type = a, edns) =>
      read(await askUdp(server, query(name, type, edns === undefined ? {} : { edns }))),
  }
}
