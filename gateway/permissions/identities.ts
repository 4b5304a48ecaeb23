import { createHmac, randomBytes } from 'node:crypto'
import type { Home } from './homes.ts'

/** One credential of a job, without the credential. */
export interface Identity {
  /** 16 hex digits: tells the credentials of one job apart, and says nothing about them or about other jobs. */
  readonly id: string
  /** Where it is at home, once that is known. */
  home: Home | undefined
  /** The job had it when it started, or was given it for one that it had. */
  readonly pinned: boolean
  /** The variable of the job's environment that holds it. */
  readonly variable: string | undefined
}

/** Most credentials that are told apart; further ones are named as well, but not remembered. */
const mostKnown = 4_096

/** Credentials that bodies are searched for: so many, none that could be a word, in characters. */
const mostSought = 16
const shortestSought = 20

/**
 * The credentials of one job. They are named by an HMAC under a salt that nobody else has and that is never written
 * (RFC 2104), so that a name cannot be compared with that of another job, nor tried against a list of tokens.
 */
export class Identities {
  readonly #salt = randomBytes(32)
  readonly #known = new Map<string, Identity | undefined>()

  /** The identity of a credential, made when it is new; undefined for what is handed to anybody. */
  of(secret: string): Identity | undefined {
    if (this.#known.has(secret)) return this.#known.get(secret)
    return this.#add(secret, { home: undefined, pinned: false, variable: undefined })
  }

  /** The credentials that are known to be at home somewhere, with their homes; the first ones, as each is searched for. */
  atHome(): readonly { readonly secret: string; readonly identity: Identity }[] {
    const found: { secret: string; identity: Identity }[] = []
    for (const [secret, identity] of this.#known) {
      if (identity?.home === undefined || secret.length < shortestSought) continue
      found.push({ secret, identity })
      if (found.length === mostSought) break
    }
    return found
  }

  /** A credential that the job was started with. */
  start(secret: string, variable: string, home: Home | undefined): void {
    if (!this.#known.has(secret)) this.#add(secret, { home, pinned: true, variable })
  }

  /** A credential that the job says is its own, while it runs. */
  claim(secret: string, variable: string, home: Home | undefined): void {
    const known = this.#known.get(secret)
    if (known === undefined) return this.start(secret, variable, home)
    this.#known.set(secret, { ...known, home: known.home ?? home, pinned: true, variable: known.variable ?? variable })
  }

  /**
   * A credential that was handed out for another one: to the record the two are one. What a registry gives to whoever
   * asks without a credential (undefined) is nobody's, and never refused.
   */
  exchange(secret: string, forWhom: Identity | undefined): void {
    if (this.#known.size < mostKnown && !this.#known.has(secret)) this.#known.set(secret, forWhom)
  }

  #add(secret: string, facts: Omit<Identity, 'id'>): Identity {
    const id = createHmac('sha256', this.#salt).update(secret, 'latin1').digest('hex').slice(0, 16)
    const identity: Identity = { id, ...facts }
    if (this.#known.size < mostKnown) this.#known.set(secret, identity)
    return identity
  }
}
