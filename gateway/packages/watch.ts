import type { Insight, Objection, RequestLook, SeenConnection, SeenRequest } from '../insight/insight.ts'
import type { Alarm, ProcessInfo } from '../record/event.ts'
import { publicationOf } from './age.ts'
import type { Asked } from './asked.ts'
import { HoldingBudget } from './body.ts'
import type { InstallScript } from './install-script.ts'
import { InstallScripts, type KnownLineage } from './install-scripts.ts'
import { Knowledge } from './knowledge.ts'
import { type LookContext, PackageLook, type PackageRequest, tellRefusal } from './look.ts'
import { purlOf } from './purl.ts'
import { recognise } from './recognise.ts'
import { RegistryHosts } from './registry-hosts.ts'
import type { PackageRules, Refusal } from './rules.ts'
import { isSamePackage } from './same-package.ts'

/** What the watch needs of its job. */
export interface WatchOptions {
  /** In force; undefined when the policy does not ask to look. Read at each request. */
  readonly rules: () => PackageRules | undefined
  readonly procRoot: string | undefined
  readonly lineage?: KnownLineage | undefined
  readonly alarm: (alarm: Alarm) => void
  /** Unix milliseconds. */
  readonly now: () => number
}

const usualPort: Readonly<Record<SeenRequest['scheme'], number>> = { https: 443, http: 80, wss: 443, ws: 80 }
const npmAudit = /\/-\/npm\/v1\/security\//
/** Findings of which each is told once. */
const mostTold = 2_000

/** What a request was found to ask. */
type Found = Pick<PackageRequest, 'asked' | 'registry' | 'isElsewhere' | 'address'>

/** Where something was seen, for an alarm. */
interface Place {
  readonly host: string
  readonly port: number
  readonly flow: string
  readonly process: ProcessInfo | undefined
}

/** Looks at what a job fetches from package registries, and at what install scripts do. */
export class PackageWatch implements Insight {
  readonly #options: WatchOptions
  readonly #scripts: InstallScripts
  readonly #knowledge = new Knowledge()
  readonly #hosts = new RegistryHosts()
  readonly #told = new Set<string>()
  readonly #context: LookContext

  constructor(options: WatchOptions) {
    this.#options = options
    this.#scripts = new InstallScripts(options.procRoot, options.lineage)
    this.#context = {
      knowledge: this.#knowledge,
      budget: new HoldingBudget(),
      alarm: (alarm, seen) => this.#alarm(alarm, seen),
      unread: (request, cause) => this.#tellUnread(request, cause),
    }
  }

  request(seen: SeenRequest): RequestLook | undefined {
    const rules = this.#options.rules()
    if (rules === undefined) return undefined
    const script = this.#scripts.above(seen.process)
    const authority = seen.port === usualPort[seen.scheme] ? seen.host : `${seen.host}:${seen.port}`
    const isRead = seen.method === 'GET' || seen.method === 'HEAD'
    const found = isRead ? this.#find(seen, authority) : undefined
    if (script === undefined && found !== undefined && seen.verdict !== 'deny')
      this.#hosts.add(found.asked.ecosystem, authority)
    const stranger = script !== undefined && !this.#isItsRegistry(script, found, seen, authority) ? script : undefined
    const objection = stranger && this.#objectToScript(stranger, rules, seen)
    const details = stranger === undefined ? {} : { script: nameOf(stranger) }
    if (found === undefined) return stranger && { objection, note: { details } }
    return new PackageLook({ ...this.#describe(found, rules, seen), objection, details }, this.#context)
  }

  connection(seen: SeenConnection): Objection | undefined {
    const rules = this.#options.rules()
    const script = rules && this.#scripts.above(seen.process)
    return script && this.#objectToScript(script, rules, seen)
  }

  #find(seen: SeenRequest, authority: string): Found | undefined {
    const origin = `${seen.scheme}://${authority}`
    // Two slashes at the beginning of a path are no other host.
    const address =
      URL.parse(seen.target.startsWith('/') ? `${origin}${seen.target}` : seen.target, origin)?.href ?? origin
    const own = recognise(seen, authority)
    const place = this.#knowledge.placeOf(address)
    // An address in somebody's metadata says who has promised it. It does not make another package of what is asked for.
    if (place !== undefined && (own === undefined || isSamePackage(own, place.asked)))
      return {
        // A Debian file's name lacks the epoch that its index has.
        asked: { ...place.asked, ...own, version: place.asked.version ?? own?.version },
        registry: place.registry,
        isElsewhere: place.registry !== authority,
        address,
      }
    return own && { asked: own, registry: authority, isElsewhere: false, address }
  }

  #describe(found: Found, rules: PackageRules, seen: SeenRequest): Omit<PackageRequest, 'objection' | 'details'> {
    const { asked, registry } = found
    const facts = this.#knowledge.factsOf(registry, asked)
    const now = this.#options.now()
    const hosts = [registry.replace(/:\d+$/, ''), seen.host]
    const refusal: Refusal | undefined =
      asked.kind === 'index'
        ? undefined
        : (rules.confusion(asked, hosts) ??
          rules.denied(asked) ??
          rules.tooYoung(asked, publicationOf(asked, facts, undefined), now))
    if (refusal !== undefined) this.#alarm(tellRefusal(asked, refusal), seen)
    return { ...found, seen, refusal, facts, rules, now }
  }

  #isItsRegistry(
    script: InstallScript,
    found: { readonly asked: Asked; readonly registry: string } | undefined,
    { path }: SeenRequest,
    authority: string,
  ): boolean {
    // What `npm install` in a script of the project asks besides packages.
    if (script.ecosystem === 'npm' && path !== undefined && npmAudit.test(path))
      return this.#hosts.has('npm', authority)
    if (found === undefined || found.asked.ecosystem !== script.ecosystem) return false
    // Where a registry that was asked before has sent it, it may go.
    return this.#hosts.has(script.ecosystem, authority) || this.#hosts.has(script.ecosystem, found.registry)
  }

  #objectToScript(script: InstallScript, rules: PackageRules, seen: Place): Objection | undefined {
    const subject = nameOf(script)
    const note = `the install script of ${subject} uses the network (${seen.host}:${seen.port}): find out why before you trust it; npm, yarn and pnpm run none with --ignore-scripts`
    this.#alarm({ kind: 'install-script', note, subject }, seen)
    return rules.deniesInstallScripts
      ? { reason: 'denied-by-rule', rule: `packages.installScripts ${subject}` }
      : undefined
  }

  #tellUnread({ asked, registry, seen }: PackageRequest, cause: unknown): void {
    const subject = purlOf(asked, true) ?? `an index of ${registry}`
    const why = cause instanceof Error ? cause.message : String(cause)
    const note = `what ${registry} says of ${subject} could not be read (${why.slice(0, 150)}), so nothing of it is held against what comes in`
    this.#alarm({ kind: 'package-unread', note, subject }, seen)
  }

  /** Once for each thing and place. */
  #alarm(alarm: Pick<Alarm, 'kind' | 'note' | 'subject'>, { host, port, flow, process }: Place): void {
    const key = `${alarm.kind} ${alarm.subject} ${host} ${port} ${alarm.note}`
    if (this.#told.has(key) || this.#told.size > mostTold) return
    this.#told.add(key)
    const isLast = this.#told.size > mostTold
    const { kind, subject } = alarm
    const note = isLast ? 'there are more findings about packages: look for rules that begin with packages' : alarm.note
    const told = {
      kind,
      note: note.slice(0, 512),
      ...(subject === undefined ? {} : { subject }),
      host,
      port,
      flow,
      process,
    }
    this.#options.alarm(told)
  }
}

function nameOf({ ecosystem, of }: InstallScript): string {
  return of === undefined ? `a package of ${ecosystem}` : `${ecosystem} ${of}`
}
