import type {
  Insight,
  Objection,
  RequestLook,
  SeenQuestion,
  SeenRequest,
  SeenStream,
  StreamLook,
} from '../insight/insight.ts'
import { BodyScan, type Sighting } from './body-scan.ts'
import { patternsOf, patternsOfNames } from './encodings.ts'
import { Matcher, StreamMatcher } from './matcher.ts'
import { NameScan } from './name-scan.ts'
import type { Sighted } from './sighted.ts'
import type { Canary } from './values.ts'
import { WebSocketScan } from './websocket-scan.ts'

/** Told of a body or stream that was not wholly unpacked. */
export type OnCapped = (
  what: { readonly what: string } & Pick<SeenRequest, 'host' | 'port' | 'flow' | 'process'>,
) => void

/** Looks for canaries in all that a job sends where the gateway can read it, and in what its command prints. */
export class CanaryWatch implements Insight {
  readonly #matcher: Matcher
  readonly #names: NameScan
  readonly #sighted: Sighted
  readonly #onCapped: OnCapped
  readonly #printed = new Map<string, StreamMatcher>()

  constructor(canaries: readonly Canary[], sighted: Sighted, onCapped: OnCapped) {
    this.#matcher = new Matcher(patternsOf(canaries))
    this.#names = new NameScan(new Matcher(patternsOfNames(canaries)))
    this.#sighted = sighted
    this.#onCapped = onCapped
  }

  question({ name }: SeenQuestion): Objection | undefined {
    let objection: Objection | undefined
    this.#names.look(name, ({ canary, encoding }) => {
      const zone = parentOf(name)
      const place = { where: `in a DNS question below ${zone}`, host: zone }
      const said = this.#sighted.tell({ canary, encoding, packed: false }, place)
      objection ??= said
    })
    return objection
  }

  request(request: SeenRequest): RequestLook {
    const objection = this.#lookAtHead(request)
    return new Exchange(request, this.#matcher, objection, { tell: this.#teller(request), onCapped: this.#onCapped })
  }

  stream(connection: SeenStream): StreamLook {
    const { transport, host, port, flow, process } = connection
    const what = transport === 'tcp' ? 'a TCP connection' : 'a UDP flow'
    let objection: Objection | undefined
    const scan = new BodyScan(this.#matcher, '', sighting => {
      const said = this.#sighted.tell(sighting, { where: `in ${what} to ${host}`, host, port, flow, process })
      objection ??= said
    })
    return {
      sending(part) {
        scan.push(part)
        return objection
      },
      ended: () => {
        if (scan.isCapped) this.#onCapped({ what, host, port, flow, process })
      },
    }
  }

  /** Takes what the command prints, by the name of the stream. */
  output(part: Buffer, stream: string): void {
    let seen = this.#printed.get(stream)
    if (seen === undefined) {
      seen = new StreamMatcher(this.#matcher, ({ canary, encoding }) => {
        this.#sighted.tell({ canary, encoding, packed: false }, { where: 'in what the command printed' })
      })
      this.#printed.set(stream, seen)
    }
    seen.push(part)
  }

  #lookAtHead(request: SeenRequest): Objection | undefined {
    const { target, host, fields } = request
    const tell = this.#teller(request)
    let objection: Objection | undefined
    const look = (text: string, what: string): void =>
      this.#matcher.find(Buffer.from(text, 'latin1'), ({ canary, encoding }) => {
        const said = tell({ canary, encoding, packed: false }, what)
        objection ??= said
      })
    look(target, 'address')
    this.#names.look(host, ({ canary, encoding }) => {
      const said = tell({ canary, encoding, packed: false }, 'host name')
      objection ??= said
    })
    look([...fields.entries()].map(([name, value]) => `${name}: ${value}`).join('\n'), 'head')
    return objection
  }

  #teller(request: SeenRequest): Tell {
    const { method, host, port, flow, process } = request
    return (sighting, what) =>
      this.#sighted.tell(sighting, { where: `in the ${what} of a ${method} to ${host}`, host, port, flow, process })
  }
}

type Tell = (sighting: Sighting, what: string) => Objection

/** One exchange, of which the request's body is looked through. */
class Exchange implements RequestLook {
  readonly objection: Objection | undefined
  readonly #request: SeenRequest
  readonly #matcher: Matcher
  readonly #tell: Tell
  readonly #onCapped: OnCapped
  /** Fields are shown only while the request is. */
  readonly #coding: string
  #body: BodyScan | WebSocketScan | undefined
  #beside: StreamMatcher | undefined
  #found: Objection | undefined

  constructor(
    request: SeenRequest,
    matcher: Matcher,
    objection: Objection | undefined,
    { tell, onCapped }: { readonly tell: Tell; readonly onCapped: OnCapped },
  ) {
    this.#request = request
    this.#matcher = matcher
    this.objection = objection
    this.#tell = tell
    this.#onCapped = onCapped
    this.#coding = request.fields.get('content-encoding') ?? ''
  }

  sending(part: Buffer): Objection | undefined {
    this.#body ??= this.#begin()
    this.#body.push(part)
    return this.#found
  }

  beside(part: Buffer): Objection | undefined {
    this.#beside ??= new StreamMatcher(this.#matcher, ({ canary, encoding }) => {
      const objection = this.#tell({ canary, encoding, packed: false }, 'trailers or chunk extensions')
      this.#found ??= objection
    })
    this.#beside.push(part)
    return this.#found
  }

  #begin(): BodyScan | WebSocketScan {
    const { scheme } = this.#request
    const isWebSocket = scheme === 'ws' || scheme === 'wss'
    const found = (sighting: Sighting): void => {
      const objection = this.#tell(sighting, isWebSocket ? 'messages' : 'body')
      this.#found ??= objection
    }
    return isWebSocket ? new WebSocketScan(this.#matcher, found) : new BodyScan(this.#matcher, this.#coding, found)
  }

  /** Whatever of the body could only be unpacked as a whole is too late to be stopped, and told all the same. */
  ended(): undefined {
    this.#body?.end()
    if (this.#body?.isCapped !== true) return
    const { method, host, port, flow, process } = this.#request
    this.#onCapped({ what: `the body of a ${method}`, host, port, flow, process })
  }
}

/** Not the whole name: it is where the canary is. */
function parentOf(name: string): string {
  return name.split('.').slice(-2).join('.')
}
