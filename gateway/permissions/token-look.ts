import type { Objection, RequestLook, SeenFields, SeenRequest } from '../insight/insight.ts'
import type { FlowEvent } from '../record/event.ts'
import { BoundedBody } from './bounded-body.ts'
import { graphqlOutline } from './graphql-outline.ts'
import type { Home, OwnHosts } from './homes.ts'
import { homeOf, isTaken } from './homes.ts'
import type { Identities, Identity } from './identities.ts'
import { credentialsIn } from './credential.ts'
import {
  authorizationsIn,
  bodyToRead,
  formCredential,
  gitService,
  lfsService,
  type ReadBody,
  tokensIn,
} from './request-reading.ts'

/** The form of X-Accepted-GitHub-Permissions: sets parted by `;`, each of `name=access` parted by `,`. */
const acceptedForm = /^[a-z_]+=[a-z]+(?:[,;] ?[a-z_]+=[a-z]+)*$/
const longestAccepted = 256

/** Looks at a request to GitHub or Azure DevOps, for what `tidegate permissions` needs to know of it. */
export class TokenLook implements RequestLook {
  readonly objection: Objection | undefined
  readonly note: Partial<FlowEvent> | undefined
  readonly #home: Home
  #identity: Identity | undefined
  readonly #identities: Identities
  readonly #read: ReadBody | undefined
  readonly #details: Record<string, unknown> = {}
  readonly #proves: boolean
  #sent: BoundedBody | undefined
  #answer: BoundedBody | undefined
  #isHandingOn = true

  constructor(
    request: SeenRequest,
    home: Home,
    credential: {
      readonly identity: Identity | undefined
      readonly identities: Identities
      readonly objection: Objection | undefined
    },
  ) {
    const { identity, identities, objection } = credential
    this.objection = objection
    this.note = identity === undefined ? undefined : { token: identity.id }
    const { host, method, target, path = '', fields } = request
    this.#home = home
    this.#identity = identity
    this.#identities = identities
    this.#read = bodyToRead(host, method, path)
    if (this.#read !== undefined) this.#sent = new BoundedBody(fields.get('content-encoding'))
    const git = gitService(target)
    this.#proves = git !== undefined || /^(?:api|ghcr)\.|\.pkg\.github\.com$/.test(host) || path.includes('/_apis/')
    if (git !== undefined) this.#details['git'] = git
    if (identity?.variable !== undefined) this.#details['credential'] = identity.variable
    // Else the host says it.
    if (homeOf(host, noHosts) === undefined) this.#details['home'] = home
  }

  sending(part: Buffer): undefined {
    this.#sent?.add(part)
  }

  answered(status: number, fields: SeenFields): undefined {
    this.#readRequest()
    if (isTaken(this.#home, status)) {
      if (this.#read === 'token' || this.#read === 'lfs-batch')
        this.#answer = new BoundedBody(fields.get('content-encoding'))
      // Whoever looks at a credential and takes it is where it is at home; pages for browsers do not look.
      if (this.#identity !== undefined && this.#proves) this.#identity.home ??= this.#home
    }
    const accepted = this.#home === 'github' ? fields.get('x-accepted-github-permissions')?.trim() : undefined
    if (accepted !== undefined && accepted.length <= longestAccepted && acceptedForm.test(accepted))
      this.#details['accepted'] = accepted
  }

  receiving(part: Buffer): undefined {
    this.#answer?.add(part)
  }

  received(): undefined {
    const text = this.#answer?.text()
    if (text === undefined || !this.#isHandingOn) return
    const handed = this.#read === 'token' ? tokensIn(text) : authorizationsIn(text).flatMap(credentialsIn)
    for (const secret of handed) this.#identities.exchange(secret, this.#identity)
  }

  ended(): Partial<FlowEvent> | undefined {
    this.#readRequest()
    return Object.keys(this.#details).length === 0 ? undefined : { details: this.#details }
  }

  /** Whose the token will be that a form asks for: that of the credential in it. What cannot be read is nobody's to hand on. */
  #readForm(text: string | undefined): void {
    if (text === '') return
    const secret = text === undefined ? undefined : formCredential(text)
    const identity = secret === undefined ? undefined : this.#identities.of(secret)
    if (identity === undefined) this.#isHandingOn = false
    // Of two, the one that is not the job's counts.
    else if (this.#identity === undefined || !identity.pinned) this.#identity = identity
  }

  /** The request's body is whole when its answer comes; a server that answers sooner has not read it either. */
  #readRequest(): void {
    const text = this.#sent?.text()
    if (this.#sent === undefined) return
    this.#sent = undefined
    if (this.#read === 'graphql') this.#details['graphql'] = text === undefined ? 'unread' : graphqlOutline(text)
    else if (this.#read === 'lfs-batch') {
      const service = lfsService(text ?? '')
      if (service !== undefined) this.#details['git'] = service
    } else this.#readForm(text)
  }
}

const noHosts: OwnHosts = new Map()
