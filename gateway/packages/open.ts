import type { InsightHost, InsightPart } from '../insight/part.ts'
import { Advisories, loadAdvisories } from './advisories.ts'
import { openLineage } from './open-lineage.ts'
import { PackageRules, type PackageSettings, readDenyList, readDenyListSafely } from './rules.ts'
import { PackageWatch } from './watch.ts'

/**
 * Opens the look at packages (docs/packages.md): recognises what is asked of registries, refuses what `packages:` of the
 * policy does not want, and puts on each line what came in.
 * @throws GatewayError POLICY_INVALID for a line of `packages.deny` that cannot be read
 */
export async function openPackages(host: InsightHost): Promise<InsightPart> {
  const rules = await RulesInForce.open(host)
  // Where the job's processes are not shown, nobody is named whose lineage could be asked for.
  const lineage = host.procRoot === undefined ? undefined : openLineage(() => host.alarm(lostEvents))
  const watch = new PackageWatch({
    rules: () => rules.current(),
    procRoot: host.procRoot,
    lineage,
    alarm: alarm => host.alarm(alarm),
    now: () => Date.now(),
  })
  return {
    insight: watch,
    async [Symbol.asyncDispose]() {
      lineage?.[Symbol.dispose]()
      await rules.settled()
    },
  }
}

const lostEvents = {
  kind: 'unwatched',
  note: 'so many processes started at once that the kernel left some out: an install script that has cut itself off before is not recognised by that any more',
} as const

/** The rules of the policy in force, compiled once for each policy. */
class RulesInForce {
  readonly #host: InsightHost
  #settings: PackageSettings | undefined
  #rules: PackageRules | undefined
  #advisories: Advisories
  #loading: Promise<void> = Promise.resolve()

  static async open(host: InsightHost): Promise<RulesInForce> {
    const settings = host.policy().insight.packages
    const denied = readDenyList(settings?.deny ?? [])
    const advisories = await load(host, settings?.osv ?? [])
    const rules = settings && new PackageRules(settings, denied, advisories)
    return new RulesInForce(host, settings, rules, advisories)
  }

  constructor(
    host: InsightHost,
    settings: PackageSettings | undefined,
    rules: PackageRules | undefined,
    advisories: Advisories,
  ) {
    this.#host = host
    this.#settings = settings
    this.#rules = rules
    this.#advisories = advisories
  }

  current(): PackageRules | undefined {
    const settings = this.#host.policy().insight.packages
    if (settings !== this.#settings) this.#change(settings)
    return this.#rules
  }

  /** Nothing is being read any more. */
  settled(): Promise<void> {
    return this.#loading
  }

  /** Another policy: its advisories are read while the job goes on, and hold from then; until then the old ones do. */
  #change(settings: PackageSettings | undefined): void {
    const before = this.#settings
    this.#settings = settings
    this.#rules = settings && this.#compile(settings)
    if (settings === undefined || isSameList(settings.osv, before?.osv ?? [])) return
    this.#loading = this.#reload(settings, this.#loading)
  }

  async #reload(settings: PackageSettings, before: Promise<void>): Promise<void> {
    await before
    this.#advisories = await load(this.#host, settings.osv)
    if (this.#settings === settings) this.#rules = this.#compile(settings)
  }

  #compile(settings: PackageSettings): PackageRules {
    return new PackageRules(settings, readDenyListSafely(settings.deny), this.#advisories)
  }
}

async function load(host: InsightHost, paths: readonly string[]): Promise<Advisories> {
  const { advisories, faults } = await loadAdvisories(paths)
  if (faults === undefined) return advisories
  const note = `${faults.files} of the advisory files in packages.osv could not be read, and deny nothing: ${faults.first}`
  host.onWarning(note)
  host.alarm({ kind: 'package-unread', note: note.slice(0, 512), subject: 'packages.osv' })
  return advisories
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((path, at) => path === b[at])
}
