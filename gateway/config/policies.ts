import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileFault, GatewayError } from '../errors.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import type { Config } from './schema.ts'

/** The policy of a job, and the file it is from. */
export interface ChosenPolicy {
  readonly file: string
  readonly policy: Policy
}

/** All policies of a configuration, read at one time. */
export interface Policies {
  /**
   * The policy of a job, by its entry in the configuration or by the name that was asked for.
   * @throws GatewayError JOB_NOT_ALLOWED, POLICY_UNKNOWN
   */
  choose(job: string, asked: string | undefined): ChosenPolicy
  /** The policy of a file as it was read now. @throws GatewayError POLICY_UNKNOWN when it is there no more */
  again(file: string): Policy
}

/**
 * Reads every policy that the configuration names or has in its folder.
 * @throws GatewayError POLICY_INVALID or POLICY_UNREADABLE, with the faults of all files in `details.faults`
 */
export async function loadPolicies(config: Config): Promise<Policies> {
  const byName = config.policyFolder === undefined ? new Map<string, string>() : await listFolder(config.policyFolder)
  const named = Object.values(config.jobs).flatMap(({ policy }) => policy ?? [])
  const files = [...new Set([...named, ...byName.values()])]
  const outcomes = await Promise.allSettled(files.map(loadPolicy))
  const errors = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
  if (errors.length > 0) throw allOf(errors)
  const byFile = new Map(
    outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [[files[index] ?? '', outcome.value]] : [])),
  )
  const again = (file: string): Policy => {
    const policy = byFile.get(file)
    if (policy !== undefined) return policy
    throw new GatewayError('POLICY_UNKNOWN', `the policy ${file} is there no more`, { details: { file } })
  }
  return {
    again,
    choose(job, asked) {
      const entry = entryOf(config, job)
      if (asked === undefined) {
        if (entry.policy !== undefined) return { file: entry.policy, policy: again(entry.policy) }
        throw notAllowed(`the job ${job} has no policy: neither does the configuration name one, nor was one asked for`)
      }
      const file = byName.get(asked)
      if (entry.policy !== undefined && entry.policy !== file)
        throw notAllowed(`the configuration fixes the policy of the job ${job}; it may not ask for '${asked}'`)
      if (file === undefined)
        throw new GatewayError('POLICY_UNKNOWN', `there is no policy '${asked}' in the gateway's policyFolder`, {
          details: { policy: asked },
        })
      return { file, policy: again(file) }
    },
  }
}

/**
 * The entry of a job: the one with its name, else the pattern with the most characters of its own.
 * @throws GatewayError JOB_NOT_ALLOWED when there is none, or two that are as good as each other
 */
export function entryOf(config: Config, job: string): Config['jobs'][string] {
  const exact = Object.hasOwn(config.jobs, job) ? config.jobs[job] : undefined
  if (exact !== undefined) return exact
  const matching = Object.entries(config.jobs)
    .filter(([pattern]) => matches(pattern, job))
    .map(([pattern, entry]) => ({ pattern, entry, weight: pattern.replaceAll('*', '').length }))
    .toSorted((a, b) => b.weight - a.weight)
  const [best, next] = matching
  if (best === undefined) throw notAllowed(`the configuration has no entry for a job '${job}'`)
  if (next?.weight !== best.weight) return best.entry
  throw notAllowed(
    `the job '${job}' is matched by '${best.pattern}' and '${next.pattern}' alike: give it an entry of its own`,
  )
}

function matches(pattern: string, job: string): boolean {
  if (!pattern.includes('*')) return false
  const source = pattern.split('*').map(part => part.replaceAll('.', String.raw`\.`))
  return new RegExp(`^${source.join('.*')}$`).test(job)
}

async function listFolder(folder: string): Promise<ReadonlyMap<string, string>> {
  try {
    const names = await readdir(folder)
    const policies = names.filter(name => /^[A-Za-z0-9][A-Za-z0-9._-]*\.yaml$/.test(name))
    return new Map(policies.map(name => [name.slice(0, -'.yaml'.length), join(folder, name)]))
  } catch (cause) {
    throw new GatewayError('POLICY_UNREADABLE', `the policyFolder ${folder} cannot be read: ${fileFault(cause)}`, {
      cause,
    })
  }
}

/** One error for all files: what broke first, and every fault. What is not ours is thrown as it is. */
function allOf(errors: readonly unknown[]): unknown {
  const [first] = errors
  if (errors.length === 1 || !(first instanceof GatewayError)) return first
  const faults = errors.flatMap(error => {
    const own = error instanceof GatewayError ? error.details['faults'] : undefined
    return Array.isArray(own) ? own.map(String) : [error instanceof Error ? error.message : String(error)]
  })
  return new GatewayError(first.code, `${errors.length} policies cannot be used`, { details: { faults } })
}

function notAllowed(message: string): GatewayError {
  return new GatewayError('JOB_NOT_ALLOWED', message)
}
