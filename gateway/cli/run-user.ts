import { readFileSync } from 'node:fs'
import { GatewayError } from '../errors.ts'

/** Whom the command runs as. */
export interface RunUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups. */
  readonly groups: readonly number[]
  /** What a login would set: HOME, USER, LOGNAME; empty when the user is not in /etc/passwd. */
  readonly environment: Readonly<Record<string, string>>
}

/** The databases, as text; the seam of tests. */
export interface Accounts {
  readonly passwd: string
  readonly group: string
}

export function readAccounts(): Accounts {
  return { passwd: readFileSync('/etc/passwd', 'utf8'), group: readFileSync('/etc/group', 'utf8') }
}

const isNumber = /^(?:0|[1-9][0-9]{0,9})$/

/**
 * Finds `NAME[:GROUP]` or `UID[:GID]`, with the groups it is in. Pure.
 * @throws GatewayError USAGE
 */
export function parseUser(raw: string, { passwd, group }: Accounts): RunUser {
  const [name = '', groupName] = raw.split(':')
  const accounts = rows(passwd)
  const account =
    accounts.find(fields => fields[0] === name) ??
    (isNumber.test(name) ? accounts.find(fields => fields[2] === name) : undefined)
  const groups = rows(group)
  if (account === undefined && !isNumber.test(name))
    throw new GatewayError('USAGE', `run: --user: there is no user '${name}' in /etc/passwd`)
  const uid = Number(account?.[2] ?? name)
  const gid = groupName === undefined ? Number(account?.[3] ?? uid) : findGroup(groupName, groups)
  if (uid > 0xfffffffe || gid > 0xfffffffe) throw new GatewayError('USAGE', `run: --user: '${raw}' is out of range`)
  if (account === undefined) return { uid, gid, groups: [], environment: {} }
  const login = account[0] ?? ''
  const member = groups.filter(fields => fields[3]?.split(',').includes(login)).map(fields => Number(fields[2]))
  return {
    uid,
    gid,
    groups: [...new Set([gid, ...member])].filter(Number.isInteger),
    environment: { HOME: account[5] ?? '/', USER: login, LOGNAME: login },
  }
}

function findGroup(name: string, groups: readonly (readonly string[])[]): number {
  const found = groups.find(fields => fields[0] === name)
  if (found !== undefined) return Number(found[2])
  if (isNumber.test(name)) return Number(name)
  throw new GatewayError('USAGE', `run: --user: there is no group '${name}' in /etc/group`)
}

function rows(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(':'))
}
