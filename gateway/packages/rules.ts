import { GatewayError } from '../errors.ts'
import type { InsightSettings } from '../policy/insight.ts'
import type { AlarmKind } from '../record/event.ts'
import { datesFiles, type Publication } from './age.ts'
import { Advisories } from './advisories.ts'
import type { Asked } from './asked.ts'
import { type DeniedPackage, isDenied, readDenied } from './denied-package.ts'
import { isEcosystem, spellings } from './package-name.ts'

export type PackageSettings = NonNullable<InsightSettings['packages']>

/** Why a package is not wanted. */
export interface Refusal {
  readonly kind: AlarmKind
  /** The policy's key and what of it. */
  readonly rule: string
  /** One sentence, without what was asked for at its beginning. */
  readonly note: string
}

/** How old a version is, as far as its registry says. */
export type Age = 'old' | 'young' | 'unknown'

const dayMs = 86_400_000

/** What a policy says of packages, compiled. */
export class PackageRules {
  readonly #settings: PackageSettings
  readonly #internal: readonly {
    readonly matches: (asked: Asked) => boolean
    readonly from: string
    readonly rule: string
  }[]
  readonly #denied: readonly (readonly [DeniedPackage, rule: string])[]
  readonly #advisories: Advisories

  constructor(settings: PackageSettings, denied: readonly DeniedPackage[], advisories = new Advisories()) {
    this.#settings = settings
    this.#denied = denied.map((one, at) => [one, `packages.deny[${at}] ${one.text}`])
    this.#internal = settings.internal.map(({ scope, from }, at) => ({
      matches: scopeMatcher(scope),
      from,
      rule: `packages.internal[${at}] ${scope}`,
    }))
    this.#advisories = advisories
  }

  /** Must this be of some age? Your own packages need not be: who publishes them is who uses them. */
  asksAgeOf(asked: Asked): boolean {
    if (this.#settings.minimumAgeDays === undefined || asked.kind !== 'artifact') return false
    return !this.#internal.some(one => one.matches(asked))
  }

  get deniesInstallScripts(): boolean {
    return this.#settings.installScripts === 'deny'
  }

  /** A package of one's own, asked of hosts of which none is its registry. Hosts without port. */
  confusion(asked: Asked, hosts: readonly string[]): Refusal | undefined {
    const own = this.#internal.filter(one => one.matches(asked))
    const [first] = own
    if (first === undefined || own.some(({ from }) => hosts.includes(from))) return undefined
    const note = `is a package of your own and may come from ${first.from} only, but was asked of ${hosts[0] ?? 'another host'}: set the registry of this scope or index in the package manager's configuration`
    return { kind: 'dependency-confusion', rule: first.rule, note }
  }

  denied(asked: Asked): Refusal | undefined {
    const [, rule] = this.#denied.find(([one]) => isDenied(one, asked)) ?? []
    if (rule !== undefined)
      return {
        kind: 'denied-package',
        rule,
        note: `is denied by ${rule}: choose another version or take it out of the lock file`,
      }
    const advisory = asked.kind === 'artifact' ? this.#advisories.about(asked) : undefined
    if (advisory === undefined) return undefined
    const note = `is denied as the advisory ${advisory.id} speaks of it: choose a version it does not name`
    return { kind: 'denied-package', rule: `packages.osv ${advisory.id}`, note }
  }

  ageOf(known: Publication | undefined, now: number): Age {
    const { minimumAgeDays: days } = this.#settings
    if (days === undefined || known === undefined) return 'unknown'
    if (known.time <= now - days * dayMs) return 'old'
    return known.isBound ? 'unknown' : 'young'
  }

  /** Why a version is refused for its age. */
  tooYoung(asked: Asked, known: Publication | undefined, now: number): Refusal | undefined {
    const { minimumAgeDays: days } = this.#settings
    if (!this.asksAgeOf(asked) || known === undefined || this.ageOf(known, now) !== 'young') return undefined
    const published = new Date(known.time).toISOString()
    const note = `was published at ${published} (${saidBy[known.from]}), less than ${days} days ago: take an older version, or wait`
    return { kind: 'package-too-young', rule: `packages.minimumAgeDays ${days}`, note }
  }

  /** Why a file is refused of which nobody said how old it is, where the policy wants that. */
  ofUnknownAge(asked: Asked, known: Publication | undefined, now: number): Refusal | undefined {
    const { minimumAgeDays: days, unknownAge } = this.#settings
    if (unknownAge !== 'deny' || !this.asksAgeOf(asked) || !datesFiles(asked)) return undefined
    if (this.ageOf(known, now) !== 'unknown') return undefined
    const seen =
      known === undefined
        ? 'nothing was seen that says how old it is'
        : `it was there at ${new Date(known.time).toISOString()} (${saidBy[known.from]}), but nothing was seen that says since when`
    const note = `may be younger than ${days} days: ${seen}; let the package manager ask for the whole metadata (docs/packages.md), or take an older version`
    return { kind: 'package-age-unknown', rule: 'packages.unknownAge', note }
  }
}

const saidBy: Readonly<Record<Publication['from'], string>> = {
  version: "by its registry's metadata",
  commit: 'the time of its commit',
  'last-change': "the last change of its package's metadata",
  'last-modified': 'the date of its file',
}

/** Reads the `deny` lines of a policy. @throws GatewayError POLICY_INVALID with every line that cannot be read */
export function readDenyList(lines: readonly string[]): readonly DeniedPackage[] {
  const read = lines.map(text => ({ text, found: readDenied(text) }))
  const faults = read.flatMap(({ text, found }) => ('fault' in found ? [`packages.deny: ${text}: ${found.fault}`] : []))
  if (faults.length > 0) throw new GatewayError('POLICY_INVALID', faults.join('; '), { details: { faults } })
  return read.flatMap(({ found }) => ('fault' in found ? [] : [found]))
}

/** The same of a policy that came while the job runs: a range that cannot be read then stands for every version. */
export function readDenyListSafely(lines: readonly string[]): readonly DeniedPackage[] {
  return lines.flatMap(text => {
    const found = readDenied(text)
    if (!('fault' in found)) return [found]
    const bare = readDenied(text.replace(/(?<=[^/])@[^/]*$/, ''))
    return 'fault' in bare ? [] : [{ ...bare, text }]
  })
}

/** `*` is any characters; `pkg:npm/…` before a pattern means that kind of packages alone. */
function scopeMatcher(scope: string): (asked: Asked) => boolean {
  const [, type = '', rest = ''] = /^pkg:([a-z]+)\/(.+)$/.exec(scope) ?? []
  const pattern = isEcosystem(type) ? rest : scope
  const expression = new RegExp(
    `^${pattern
      .split('*')
      .map(part => RegExp.escape(part))
      .join('.*')}$`,
    'i',
  )
  return asked => {
    if (isEcosystem(type) && asked.ecosystem !== type) return false
    const names =
      asked.ecosystem === 'pypi'
        ? [asked.name, asked.name.replaceAll('-', '_'), asked.name.replaceAll('-', '.')]
        : spellings(asked)
    return names.some(name => expression.test(name))
  }
}
