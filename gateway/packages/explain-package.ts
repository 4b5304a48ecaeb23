import { PackageURL } from 'packageurl-js'
import { GatewayError } from '../errors.ts'
import type { Mode } from '../policy/policy.ts'
import { loadAdvisories } from './advisories.ts'
import type { Asked } from './asked.ts'
import { isEcosystem } from './package-name.ts'
import { PackageRules, type PackageSettings, readDenyList } from './rules.ts'

/** What a policy says of one package, as `tidegate explain` prints it. */
export interface PackageExplanation {
  readonly text: string
  readonly isAllowed: boolean
}

/**
 * Says what `packages:` of a policy decides about a package URL, apart from where it comes from and how old it is, which
 * only a run can know and which is said.
 * @throws GatewayError USAGE for what is no package URL of a kind we know; POLICY_INVALID
 */
export async function explainPackage(
  target: string,
  settings: PackageSettings | undefined,
  mode: Mode,
): Promise<PackageExplanation> {
  const asked = askedOf(target)
  if (settings === undefined)
    return { text: `${target}\n  = allow: the policy has no \`packages\`, so nobody looks`, isAllowed: true }
  const { advisories, faults } = await loadAdvisories(settings.osv)
  const rules = new PackageRules(settings, readDenyList(settings.deny), advisories)
  const refusal = rules.denied(asked)
  const own = rules.confusion(asked, [])
  const lines = [
    ...(refusal === undefined ? [] : [`deny     ${refusal.rule}`]),
    ...(own === undefined ? [] : [`deny     ${own.rule}, unless it comes from its registry`]),
    ...(settings.minimumAgeDays === undefined
      ? []
      : [`deny     when published less than ${settings.minimumAgeDays} days ago${orUnknown(settings)}`]),
    ...(faults === undefined ? [] : [`unread   ${faults.files} advisory files: ${faults.first}`]),
  ]
  const verdict = mode === 'block' ? 'deny' : 'observe (audit carries it, block would deny)'
  const outcome = refusal === undefined ? 'allow' : `${verdict}: ${target} ${refusal.note}`
  return {
    text: [target, ...lines.map(line => `  ${line}`), `  = ${outcome}`].join('\n'),
    isAllowed: refusal === undefined,
  }
}

function orUnknown({ unknownAge }: PackageSettings): string {
  return unknownAge === 'deny' ? ', or when nobody says when' : ''
}

function askedOf(target: string): Asked {
  let purl: PackageURL
  try {
    purl = PackageURL.fromString(target)
  } catch (cause) {
    throw new GatewayError('USAGE', `explain: ${target} is no package URL`, { cause })
  }
  const { type, namespace, name, version, qualifiers } = purl
  if (!isEcosystem(type)) throw new GatewayError('USAGE', `explain: packages of type ${type} are not known here`)
  const kind = version === undefined ? 'metadata' : 'artifact'
  return { kind, ecosystem: type, namespace, name, version, ...(qualifiers === undefined ? {} : { qualifiers }) }
}
