import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The policy that a command reads when none is named. */
export const defaultPolicyFile = 'tidegate.yaml'

/** The path of `tidegate.yaml` in a folder, if it is there. */
export function policyFileIn(folder: string): string | undefined {
  const file = join(folder, defaultPolicyFile)
  return existsSync(file) ? file : undefined
}
