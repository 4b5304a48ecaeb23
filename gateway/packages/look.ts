import type { Objection, RequestLook, SeenFields, SeenRequest } from '../insight/insight.ts'
import type { Alarm, FlowEvent } from '../record/event.ts'
import { dateOfFile, publicationOf, type Publication } from './age.ts'
import type { Asked, Digests, Release } from './asked.ts'
import { BodyDigests, CollectedBody, type HoldingBudget, unpackIndex } from './body.ts'
import { digestsOf, hexDigest } from './hex.ts'
import { compare, type Facts, type Knowledge } from './knowledge.ts'
import type { Contested } from './places.ts'
import { purlOf } from './purl.ts'
import { registries } from './recognise.ts'
import type { PackageRules, Refusal } from './rules.ts'

/** One request for a package, and what is known of it before it is answered. */
export interface PackageRequest {
  readonly seen: SeenRequest
  readonly asked: Asked
  /** Whom it was asked of first, before redirects and lists of addresses: host, with port where it is not the usual one. */
  readonly registry: string
  /** The request goes to another place than the registry. */
  readonly isElsewhere: boolean
  /** The whole address, against which others are resolved. */
  readonly address: string
  readonly refusal: Refusal | undefined
  /** Of others, before the package itself is looked at. */
  readonly objection: Objection | undefined
  readonly facts: Facts | undefined
  /** In force when it was asked. */
  readonly rules: PackageRules
  /** When it was asked, Unix milliseconds. */
  readonly now: number
  /** Facts of others for the same line. */
  readonly details: Readonly<Record<string, string>>
}

/** What a look needs of its job. */
export interface LookContext {
  readonly knowledge: Knowledge
  readonly budget: HoldingBudget
  readonly alarm: (alarm: Pick<Alarm, 'kind' | 'note' | 'subject'>, seen: SeenRequest) => void
  /** An answer of a registry could not be read. */
  readonly unread: (request: PackageRequest, cause: unknown) => void
}

/** Answers that give a file or a part of it, or say that the one that is there already is the right one. */
const givesFile: ReadonlySet<number> = new Set([200, 206, 304])
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Follows one request for a package through its answer. */
export class PackageLook implements RequestLook {
  readonly objection: Objection | undefined
  readonly note: Partial<FlowEvent>
  readonly #request: PackageRequest
  readonly #context: LookContext
  #promised: Digests
  #codings: string | undefined
  #collected: CollectedBody | undefined
  #digests: BodyDigests | undefined
  #came: Digests | undefined
  #published: Publication | undefined

  constructor(request: PackageRequest, context: LookContext) {
    this.#request = request
    this.#context = context
    const { refusal, asked, facts, objection } = request
    this.objection = objection ?? (refusal && { reason: 'denied-by-rule', rule: refusal.rule })
    this.#promised = { ...facts?.digests, ...asked.digests }
    this.#published = publicationOf(asked, facts, undefined)
    this.note = this.#details(asked)
  }

  answered(status: number, fields: SeenFields): Objection | undefined {
    const { seen, asked, registry, address, refusal } = this.#request
    const location = redirects.has(status) ? fields.get('location') : undefined
    if (location !== undefined) {
      const contested = this.#context.knowledge.redirected(location, address, { registry, asked })
      if (contested !== undefined) this.#context.alarm(tellContested(contested, 1), seen)
    }
    const tooYoung = givesFile.has(status) ? this.#objectToAge(fields) : undefined
    if (tooYoung !== undefined || status !== 200) return tooYoung
    if (refusal?.kind === 'dependency-confusion') {
      const note = `${refusal.note}; that host answered that it has such a package`
      this.#context.alarm(tellRefusal(asked, { ...refusal, note }), seen)
    }
    if (seen.method !== 'GET') return undefined
    this.#codings = fields.get('content-encoding')
    const isFile = asked.kind === 'artifact' || asked.kind === 'part'
    this.#promised = { ...this.#promised, ...(isFile ? promisedByHead(asked, fields) : {}) }
    const isCoded = this.#codings !== undefined && this.#codings.toLowerCase() !== 'identity'
    if (!isFile ? registries[asked.ecosystem].read !== undefined : isCoded)
      this.#collected = new CollectedBody(this.#context.budget)
    else if (isFile) this.#digests = new BodyDigests(asked.ecosystem, this.#promised)
    return undefined
  }

  receiving(part: Buffer): undefined {
    this.#digests?.update(part)
    this.#collected?.add(part)
  }

  received(): Objection | undefined {
    const { asked } = this.#request
    const body = this.#body()
    if (asked.kind === 'metadata' || asked.kind === 'index')
      return body === undefined ? undefined : this.#readMetadata(body)
    if (body !== undefined) {
      // The transport's coding is no part of the file.
      this.#digests = new BodyDigests(asked.ecosystem, this.#promised)
      this.#digests.update(body)
    }
    return this.#hasArrived()
  }

  ended(): Partial<FlowEvent> {
    this.#collected?.[Symbol.dispose]()
    return this.#details(this.#request.asked, true)
  }

  /** What no metadata has said the date of the file may say; nothing of its body has been passed on yet. */
  #objectToAge(fields: SeenFields): Objection | undefined {
    const { asked, facts, rules, now, refusal, seen } = this.#request
    if (asked.kind !== 'artifact') return undefined
    this.#published = publicationOf(asked, facts, dateOfFile(asked, seen.host, fields))
    // In audit it has been told already why it is not wanted.
    if (refusal !== undefined) return undefined
    const found = rules.tooYoung(asked, this.#published, now) ?? rules.ofUnknownAge(asked, this.#published, now)
    if (found === undefined) return undefined
    this.#context.alarm(tellRefusal(asked, found), seen)
    return { reason: 'denied-by-rule', rule: found.rule }
  }

  #body(): Buffer | undefined {
    try {
      return this.#collected?.read(this.#codings)
    } catch (cause) {
      this.#context.unread(this.#request, cause)
      return undefined
    } finally {
      this.#collected?.[Symbol.dispose]()
    }
  }

  #readMetadata(body: Buffer): Objection | undefined {
    const { asked, registry, address } = this.#request
    let releases: readonly Release[]
    try {
      const text = asked.kind === 'index' ? unpackIndex(body) : body
      releases = text === undefined ? [] : (registries[asked.ecosystem].read?.(asked, text) ?? [])
    } catch (cause) {
      this.#context.unread(this.#request, cause)
      return undefined
    }
    const { broken, contested } = this.#context.knowledge.learn(registry, asked, releases, address)
    const [first] = contested
    if (first !== undefined) this.#context.alarm(tellContested(first, contested.length), this.#request.seen)
    const [other] = broken
    return other === undefined ? undefined : this.#mismatch(other)
  }

  #hasArrived(): Objection | undefined {
    const came = this.#digests?.digests()
    this.#digests = undefined
    if (came === undefined) return undefined
    this.#came = came
    const { asked, registry } = this.#request
    this.#context.knowledge.arrived(registry, asked, came)
    return compare(this.#promised, came) === 'broken' ? this.#mismatch(asked) : undefined
  }

  #mismatch(asked: Asked): Objection {
    const purl = purlOf(asked) ?? asked.name
    const note = `is not what ${this.#request.registry} says it is: do not use it; the digest of what came in is in the log, ask whoever runs the registry which of the two is right`
    this.#context.alarm({ kind: 'digest-mismatch', note: `${purl} ${note}`, subject: purl }, this.#request.seen)
    return { reason: 'denied-by-rule', rule: `packages: digest of ${purl}` }
  }

  /** Facts for the line; the same at the beginning and at the end but for what came in and its age. */
  #details(asked: Asked, isOver = false): Partial<FlowEvent> {
    const { registry, isElsewhere, details } = this.#request
    const came = this.#came
    const isImage = asked.ecosystem === 'oci' && asked.version === undefined && came?.sha256 !== undefined
    const purl = isImage ? purlOf({ ...asked, version: `sha256:${came.sha256}` }) : purlOf(asked)
    const named = asked.kind === 'artifact' ? { purl } : { describes: purlOf(asked, true) }
    const all = {
      ...details,
      ...(purl === undefined ? {} : named),
      ...(isElsewhere ? { registry } : {}),
      ...(came === undefined ? {} : { ...came, promise: compare(this.#promised, came) }),
      // The answer's head may still say when it was published.
      ...(isOver && asked.kind === 'artifact' ? this.#age() : {}),
    }
    return Object.keys(all).length === 0 ? {} : { details: all }
  }

  #age(): Readonly<Record<string, string>> {
    const { asked, rules, now } = this.#request
    const known = this.#published
    const isUnknown = rules.asksAgeOf(asked) && rules.ageOf(known, now) === 'unknown'
    const time = known && new Date(known.time).toISOString()
    return {
      ...(time === undefined ? {} : { [known?.isBound === true ? 'publishedBefore' : 'published']: time }),
      ...(known === undefined ? {} : { ageFrom: known.from }),
      ...(isUnknown ? { age: 'unknown' } : {}),
    }
  }
}

/** A refusal as an alarm. A name that may not be asked for is told once, whatever version of it is asked for. */
export function tellRefusal(asked: Asked, { kind, note }: Refusal): Pick<Alarm, 'kind' | 'note' | 'subject'> {
  const subject = purlOf(asked, kind === 'dependency-confusion') ?? asked.name
  return { kind, note: `${subject} ${note}`, subject }
}

/** An address that has become nobody's; one for all `count` of an answer. */
function tellContested({ address, places }: Contested, count: number): Pick<Alarm, 'kind' | 'note' | 'subject'> {
  const [one, other] = places.map(({ registry, asked }) => `${purlOf(asked) ?? asked.name} (by ${registry})`)
  const more = count === 1 ? '' : `, and ${count - 1} more such addresses in the same answer`
  const note = `${address.slice(0, 150)} was named for ${one} and for ${other}${more}: what comes from there is judged by its address alone, not by what was said of either; ask whoever runs the registry which of the two it is`
  return { kind: 'package-unread', note, subject: purlOf(places[1].asked) ?? places[1].asked.name }
}

/** What an answer's own head says of its body: an image by its tag, and the digests that Maven repositories send along. */
function promisedByHead({ ecosystem, kind, digests }: Asked, fields: SeenFields): Digests {
  if (ecosystem === 'oci' && kind === 'artifact' && digests === undefined) {
    const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(fields.get('docker-content-digest') ?? '') ?? []
    return digestsOf({ sha256 })
  }
  if (ecosystem !== 'maven') return {}
  return digestsOf({
    sha1: hexDigest('sha1', fields.get('x-checksum-sha1')),
    sha256: hexDigest('sha256', fields.get('x-checksum-sha256')),
    sha512: hexDigest('sha512', fields.get('x-checksum-sha512')),
  })
}
