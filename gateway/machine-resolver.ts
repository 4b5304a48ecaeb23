import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { parseResolvConf } from './dns/resolv-conf.ts'
import { openUpstreamResolver, type UpstreamResolver } from './dns/upstream.ts'
import { GatewayError } from './errors.ts'
import { parseHosts } from './net/hosts-file.ts'
import { connectDatagrams } from './packet/datagram-batch.ts'

/**
 * A resolver of its own for one job, which knows what the machine's hosts file says and asks its DNS servers: no job sees by its cache what another
 * has asked, nor waits behind it. `now`: milliseconds of the clock that the job's DNS answers go by.
 * @throws GatewayError NO_RESOLVER
 */
export async function openMachineResolver(now: () => number): Promise<UpstreamResolver> {
  const { servers, ...patience } = parseResolvConf(await readResolvConf())
  const hosts = parseHosts(await readFile('/etc/hosts', 'utf8').catch(() => ''), hostname()).others
  // What is known expires in its own time, and who waits waits as long, whatever the machine's clock is set to.
  return openUpstreamResolver({ servers, patience, hosts, now, connect: connectDatagrams })
}

async function readResolvConf(): Promise<string> {
  try {
    return await readFile('/etc/resolv.conf', 'utf8')
  } catch (cause) {
    throw new GatewayError('NO_RESOLVER', '/etc/resolv.conf cannot be read: the gateway has no resolver to ask', {
      cause,
    })
  }
}
