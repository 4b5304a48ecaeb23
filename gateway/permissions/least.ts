import type { Access, Grants } from './need.ts'

/** What a workflow can give its token (`permissions:`), and the most of it. */
const workflowPermissions: Readonly<Record<string, Access>> = {
  actions: 'write',
  'artifact-metadata': 'write',
  attestations: 'write',
  checks: 'write',
  contents: 'write',
  deployments: 'write',
  discussions: 'write',
  'id-token': 'write',
  issues: 'write',
  models: 'read',
  packages: 'write',
  pages: 'write',
  'pull-requests': 'write',
  'repository-projects': 'write',
  'security-events': 'write',
  statuses: 'write',
  'vulnerability-alerts': 'read',
}

const rank: Readonly<Record<Access, number>> = { read: 1, write: 2, admin: 3 }

/** Most combinations of alternatives that are compared; above, the first that fits is taken. */
const mostCombinations = 4_096

/** True for what can stand under `permissions:` of a workflow. */
export function isForWorkflow(permission: string, access: Access): boolean {
  const most = Object.hasOwn(workflowPermissions, permission) ? workflowPermissions[permission] : undefined
  return most !== undefined && rank[access] <= rank[most]
}

/**
 * The least grants that fulfil every one of `wants`, each of which is a list of alternatives. Least: first without what a
 * workflow cannot give, then the fewest writes, then the fewest permissions.
 */
export function leastGrants(wants: readonly (readonly Grants[])[]): Grants {
  let certain: Grants = {}
  for (const [only, ...others] of wants) if (only !== undefined && others.length === 0) certain = joined(certain, only)
  const open = distinct(wants.filter(sets => sets.length > 1))
  return best(certain, open, { left: mostCombinations })
}

/** Tries the alternatives of each want in turn; what is fulfilled already asks for nothing. */
function best(granted: Grants, wants: readonly (readonly Grants[])[], budget: { left: number }): Grants {
  const [want, ...rest] = wants
  if (want === undefined) return granted
  if (want.some(set => cost(joined(granted, set)) === cost(granted))) return best(granted, rest, budget)
  let least: Grants | undefined
  for (const set of want) {
    budget.left -= 1
    const found = best(joined(granted, set), rest, budget)
    if (least === undefined || cost(found) < cost(least)) least = found
    if (budget.left <= 0) break
  }
  return least ?? granted
}

/** Both together, with the greater access of each. */
function joined(a: Grants, b: Grants): Grants {
  const all: Record<string, Access> = { ...a }
  for (const [permission, access] of Object.entries(b)) {
    const before = all[permission]
    if (before === undefined || rank[access] > rank[before]) all[permission] = access
  }
  return all
}

function cost(grants: Grants): number {
  let sum = 0
  for (const [permission, access] of Object.entries(grants)) {
    sum += 1 + (access === 'read' ? 0 : 100) + (isForWorkflow(permission, access) ? 0 : 10_000)
  }
  return sum
}

function distinct(wants: readonly (readonly Grants[])[]): readonly (readonly Grants[])[] {
  return [...new Map(wants.map(sets => [JSON.stringify(sets), sets])).values()]
}
