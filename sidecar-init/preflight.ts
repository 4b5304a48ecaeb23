import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { GatewayError } from '../gateway/errors.ts'
import { parseStatus } from './capabilities.ts'

const toolFolders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const

/** Programs that `run` calls, and the Debian package that has each. */
const tools = {
  dash: 'dash',
  env: 'coreutils',
  ip: 'iproute2',
  mount: 'mount',
  nft: 'nftables',
  nsenter: 'util-linux',
  prlimit: 'util-linux',
  setpriv: 'util-linux',
  tini: 'tini',
  unshare: 'util-linux',
} as const

/** Where the programs are. */
export type Tools = Readonly<Record<keyof typeof tools, string>>

// include/uapi/linux/capability.h
const needed = { SETPCAP: 8, NET_ADMIN: 12, NET_RAW: 13, SYS_ADMIN: 21 } as const

/**
 * Checks that this process may lay a wire, and finds the programs for it.
 * @throws GatewayError NOT_ROOT (also for a root without the capabilities; `details.missing`) or TOOL_MISSING (all at once)
 */
export function checkMachine(): Tools {
  const status = parseStatus(readFileSync('/proc/thread-self/status', 'latin1'))
  const effective = status?.capabilities.CapEff ?? 0n
  const missing = Object.entries(needed).filter(([, number]) => (effective & (1n << BigInt(number))) === 0n)
  if (process.geteuid?.() !== 0 || missing.length > 0) {
    const names = missing.map(([name]) => name)
    throw new GatewayError('NOT_ROOT', `laying the wire needs root with ${Object.keys(needed).join(', ')}`, {
      details: { uid: process.geteuid?.() ?? null, missing: names },
    })
  }
  const found = Object.fromEntries(Object.keys(tools).map(name => [name, findIn(name, toolFolders)]))
  const absent = Object.entries(tools).filter(([name]) => found[name] === undefined)
  if (absent.length > 0) {
    const packages = [...new Set(absent.map(([, name]) => name))].join(' ')
    throw new GatewayError(
      'TOOL_MISSING',
      `not installed: ${absent.map(([name]) => name).join(', ')} (Debian: apt-get install ${packages})`,
      { details: { tools: absent.map(([name]) => name), packages } },
    )
  }
  const path = (name: keyof typeof tools): string => found[name] ?? name
  return {
    dash: path('dash'),
    env: path('env'),
    ip: path('ip'),
    mount: path('mount'),
    nft: path('nft'),
    nsenter: path('nsenter'),
    prlimit: path('prlimit'),
    setpriv: path('setpriv'),
    tini: path('tini'),
    unshare: path('unshare'),
  }
}

/**
 * The file that a shell would run for `command`, so that a missing one is told before anything starts.
 * @throws GatewayError COMMAND_NOT_FOUND (exit 127) or COMMAND_NOT_EXECUTABLE (exit 126)
 */
export function findCommand(command: string, path: string | undefined, cwd: string): string {
  const folders = command.includes('/') ? [cwd] : (path ?? '/usr/local/bin:/usr/bin:/bin').split(':')
  const candidates = command === '' ? [] : folders.map(folder => resolve(cwd, folder, command))
  const runnable = candidates.find(isExecutable)
  if (runnable !== undefined) return runnable
  const details = { command }
  if (candidates.some(file => statSync(file, { throwIfNoEntry: false }) !== undefined)) {
    throw new GatewayError('COMMAND_NOT_EXECUTABLE', `${command}: cannot be executed`, { details })
  }
  throw new GatewayError('COMMAND_NOT_FOUND', `${command}: command not found`, { details })
}

function findIn(name: string, folders: readonly string[]): string | undefined {
  return folders.map(folder => `${folder}/${name}`).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    // Root may enter and read everything; only a file with an x bit can be run.
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
