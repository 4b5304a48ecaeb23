import { sharedTenants } from './lint-tables.ts'
import { matchesParts } from './match-parts.ts'

type Labels = readonly string[]

// In that table a first label `x` stands for anybody's name.
const named: readonly Labels[] = sharedTenants
  .filter(({ host }) => host.startsWith('x.'))
  .map(({ host }) => ['**', ...host.split('.').slice(1)])
const whole: ReadonlySet<string> = new Set(sharedTenants.map(({ host }) => host))

/** Can anyone have an account, a bucket or a page behind names like this one? Pure. */
export function isSharedHost(host: string): boolean {
  return whole.has(host) || isTenantName(host)
}

/** Is this a name that a tenant chose, where each name may have another owner? Pure. */
export function isTenantName(host: string): boolean {
  return named.some(labels => matchesParts(labels, host.split('.'), false))
}
