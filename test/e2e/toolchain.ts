import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Why tests that need this program cannot run here; `false` when they can. `also`: where it is when it is not on the PATH.
 * @throws Error instead of giving a reason to skip when TIDEGATE_REQUIRE_ALL=1.
 */
export function whyNoProgram(name: string, also: readonly string[] = []): string | false {
  if (findProgram(name, also) !== undefined) return false
  const reason = `needs ${name}`
  if (process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error(reason)
  return reason
}

/**
 * The same for a language's toolchain, which is tested where a machine has it and is not asked for anywhere: its reason is one
 * that `scripts/tap-summary.ts` never counts as a failure.
 */
export function whyNoToolchain(name: string, also: readonly string[] = []): string | false {
  return findProgram(name, also) === undefined && `not on this machine: ${name}`
}

/** Where a program is. */
export function findProgram(name: string, also: readonly string[] = []): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...also]
  return folders.map(folder => join(folder, name)).find(path => existsSync(path))
}
