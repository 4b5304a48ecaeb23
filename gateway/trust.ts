import type { Authority } from './ca/authority.ts'
import { writeTrust } from './ca/bundle.ts'
import { readSystemRoots } from './ca/system-roots.ts'
import type { EnvironmentChanges, OuterEnvironment } from './ca/trust-environment.ts'

/** Where the job sees its folder. */
const seenAt = '/run/tidegate'

/** Whom a job and its gateway trust. */
export interface JobTrust {
  readonly environment: EnvironmentChanges
  /** DER: what origins are verified against. */
  readonly roots: readonly Uint8Array[]
}

/**
 * Writes the job's trust files into `folder`. Origins are trusted as the job would have trusted them without us: neither
 * more nor less.
 * @throws GatewayError OUT_UNWRITABLE, CONFIG_INVALID
 */
export async function openTrust(
  authority: Authority,
  folder: string,
  options: {
    readonly environment: OuterEnvironment
    readonly extraCa: readonly string[]
    /** Variables that the job gets besides. */
    readonly added?: Readonly<Record<string, string>>
    readonly onWarning: (text: string) => void
  },
): Promise<JobTrust> {
  const { environment, extraCa, added = {} } = options
  const sources = { authority, environment, extraCa, added, mountedAt: seenAt, systemRoots: await readSystemRoots() }
  const { warnings, roots, ...written } = await writeTrust(folder, sources)
  for (const warning of warnings) options.onWarning(warning)
  return { environment: written.environment, roots }
}
