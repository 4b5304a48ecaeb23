import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasNoV6, hasOnlyOneRoute, interfacesIn, readV6 } from '../../sidecar-init/job-network.ts'
import { forbiddenIn } from '../container/capabilities.ts'
import { engineSockets } from '../container/engine-sockets.ts'
import { jobDevice } from '../packet/job-device.ts'
import { run } from '../packet/run.ts'
import { broken, held, skipped, type Case, type Finding, type Surroundings } from './case.ts'

const procNet = '/proc/thread-self/net'
/** More than any file of the job's folder has. */
const mostBytes = 4_194_304

/** What the job is made of: nothing of this sends a packet. */
export function confinementCases(around: Surroundings): readonly Case[] {
  return [
    look('N17', 'there is no interface but lo and the wire', otherInterfaces),
    look('N17', 'the only way out is the wire', () => routes(around)),
    look('N3', 'there is no IPv6 address but ::1', () =>
      hasNoV6(readV6(procNet)) ? held : broken('an interface has an IPv6 address', 'switch IPv6 off in the namespace'),
    ),
    look('N10', 'no capability can leave the wire', capabilities),
    look('N11', 'no process of another network is in sight', otherNamespaces),
    look('N11', 'a network namespace of its own leads nowhere', nested),
    look('N13', 'no socket of a container engine is in sight', sockets),
    look('T13', 'no private key is in the job’s folder', () => keys(around)),
    look('P6', 'the job’s folder cannot be written', () => writable(around)),
  ]
}

function look(id: string, sentence: string, action: (signal: AbortSignal) => Finding | Promise<Finding>): Case {
  return { id, sentence, carriedInAudit: false, try: async signal => action(signal) }
}

function otherInterfaces(): Finding {
  const names = interfacesIn(readFileSync(`${procNet}/dev`, 'latin1'))
  const others = names.filter(name => name !== 'lo' && name !== jobDevice)
  if (others.length === 0 && names.includes(jobDevice)) return held
  const change = 'the build must be in the network namespace of the wire alone: `network_mode: none`, or `service:net`'
  return broken(others.length === 0 ? `there is no ${jobDevice}` : `interfaces: ${others.join(', ')}`, change)
}

function routes({ gatewayAddress }: Surroundings): Finding {
  const text = readFileSync(`${procNet}/route`, 'latin1')
  if (hasOnlyOneRoute(text, gatewayAddress)) return held
  return broken(
    `/proc/net/route has other routes than the wire’s: ${text.split('\n').length - 2} in all`,
    'nothing may add routes to the job’s namespace: who has NET_ADMIN there?',
  )
}

function capabilities(): Finding {
  const status = readFileSync('/proc/self/status', 'latin1')
  const sets = ['CapEff', 'CapBnd'].map(name => {
    const value = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'
    return { name, forbidden: forbiddenIn(BigInt(`0x${value}`)) }
  })
  const found = sets.filter(({ forbidden }) => forbidden.length > 0)
  if (found.length === 0) return held
  const told = found.map(({ name, forbidden }) => `${name} has ${forbidden.join(', ')}`).join('; ')
  return broken(told, 'take them out of cap_add, and start the container without `privileged`')
}

/** Who may look at a process of another network may, with one capability more, enter it. */
function otherNamespaces(): Finding {
  const own = readlinkSync('/proc/self/ns/net')
  const others = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      const namespace = linkOf(`/proc/${pid}/ns/net`)
      return namespace === undefined || namespace === own ? [] : [pid]
    })
  if (others.length === 0) return held
  return broken(
    `processes of another network namespace: ${others.slice(0, 8).join(', ')}`,
    'give the build a pid namespace of its own; if the build itself made these, they are no way out',
  )
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // It has ended, or is none of ours to look at.
    return undefined
  }
}

async function nested(signal: AbortSignal): Promise<Finding> {
  const args = ['--user', '--map-root-user', '--net', 'cat', '/proc/self/net/dev', '/proc/self/net/route']
  const { exitCode, stdout, stderr } = await run('unshare', args, { signal, timeoutMs: 4_000 })
  if (exitCode !== 0) {
    // Its own words for what the kernel refused; anything else is about the program, and shows nothing.
    return /unshare failed|write failed/.test(stderr) ? held : skipped(`unshare: ${stderr.trim().split('\n', 1)[0]}`)
  }
  const names = interfacesIn(stdout).filter(name => name !== 'lo')
  const ways = stdout.split('\n').filter(line => /^\S+\t[0-9A-F]{8}\t/.test(line))
  if (names.length === 0 && ways.length === 0) return held
  return broken(`a new network namespace has ${[...names, ...ways].join('; ')}`, 'report it: nobody may give it that')
}

function sockets(): Finding {
  const found = engineSockets.filter(path => lstatSync(path, { throwIfNoEntry: false })?.isSocket())
  if (found.length === 0) return held
  return broken(found.join(', '), 'do not mount it: who may talk to an engine can start a container with any network')
}

function keys({ runFolder }: Surroundings): Finding {
  const names = readdirSync(runFolder, { withFileTypes: true }).filter(entry => entry.isFile())
  const found = names.filter(({ name }) => {
    const path = join(runFolder, name)
    return lstatSync(path).size <= mostBytes && readFileSync(path, 'latin1').includes('PRIVATE KEY')
  })
  if (found.length === 0) return held
  return broken(found.map(({ name }) => name).join(', '), 'the authority’s key is the gateway’s alone: report it')
}

function writable({ runFolder }: Surroundings): Finding {
  const path = join(runFolder, `attest-${process.pid}`)
  try {
    writeFileSync(path, '', { flag: 'wx' })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return held
    throw cause
  }
  rmSync(path)
  return broken(`${path} could be written`, 'mount the job’s folder read-only (`:ro`)')
}
