import type { Baseline } from './baseline/open.ts'
import type { Lock } from './baseline/lock.ts'
import { entryOf } from './config/policies.ts'
import type { Config } from './config/schema.ts'

/** The baselines that a configuration names, all read at one time. */
export interface Baselines {
  /**
   * What a job is compared with, by its entry in the configuration. That its file was not there yet is no fault, and is told to
   * `warn`: the first runs are what it will be made of.
   */
  of(job: string, warn: (text: string) => void): Baseline | undefined
}

/**
 * Reads every `egress.lock` that the configuration names.
 * @throws GatewayError LOCK_INVALID
 */
export async function loadBaselines(config: Config): Promise<Baselines> {
  const files = [...new Set(Object.values(config.jobs).flatMap(({ lock }) => lock ?? []))]
  const byFile = new Map<string, Lock | undefined>()
  if (files.length > 0) {
    const { loadLock } = await import('./baseline/lock-file.ts')
    for (const file of files) byFile.set(file, await loadLock(file))
  }
  return {
    of(job, warn) {
      const file = entryOf(config, job).lock
      if (file === undefined) return undefined
      const lock = byFile.get(file)
      if (lock !== undefined) return { lock, file, frozen: false }
      warn(
        `there is no baseline ${file} yet, so nothing of ${job} is compared; make it of its log (tidegate lock update LOG --lock ${file}), then send SIGHUP`,
      )
      return undefined
    },
  }
}
