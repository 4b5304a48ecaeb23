import { GatewayError } from '../errors.ts'
import { withMode } from '../policy/compile.ts'
import { parsePolicy } from '../policy/document-parse.ts'
import { loadPolicy, readUse } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import { defaultPolicyFile, policyFileIn } from './default-policy.ts'
import type { RunArguments } from './run-arguments.ts'

/**
 * The policy of a run: the file that is named, else `tidegate.yaml` of the folder, else, for `--mode audit` alone, one that
 * allows nothing and so observes everything.
 * @throws GatewayError USAGE, POLICY_UNREADABLE, POLICY_INVALID
 */
export async function policyOfRun(
  { policyFile, mode }: Pick<RunArguments, 'policyFile' | 'mode'>,
  cwd: string,
): Promise<Policy> {
  const file = policyFile ?? policyFileIn(cwd)
  if (file === undefined) {
    if (mode === 'audit') return parsePolicy('version: 1\nmode: audit\nallow: []\n', '(no policy)', readUse)
    throw new GatewayError(
      'USAGE',
      `run: no policy: name one with --policy FILE or put ${defaultPolicyFile} here (to see first what a build needs: tidegate run --mode audit -- CMD)`,
    )
  }
  const policy = await loadPolicy(file)
  return mode === undefined ? policy : withMode(policy, mode)
}
