import { setTimeout as delay } from 'node:timers/promises'
import type { RawReply, RawStep, Reply } from './origins/exchange.ts'
import type { ConnectionRecord, RequestRecord } from './origins/recorder.ts'
import type { Caller } from './servers/channel.ts'
import type { InternetOffer, LabOffer, ScriptedRequest } from './servers/internet-offer.ts'

/** Which requests; every field given must hold. */
export interface RequestFilter {
  readonly host?: string
  readonly path?: string
  readonly method?: string
  readonly sni?: string
  readonly address?: string
  readonly protocol?: RequestRecord['protocol']
}

/** A handler that runs in the test. */
export type ScriptHandler = (request: ScriptedRequest) => Reply | RawReply | Promise<Reply | RawReply>

/** What a host answers at a path: bytes or steps as they are, a reply that is framed for it, or a handler. */
export type Script = string | Uint8Array | readonly RawStep[] | Reply | ScriptHandler

/** The requests and connections of all origins of the lab, as received; and what they answer. */
export class OriginLog {
  readonly #internet: Caller<InternetOffer>
  readonly #handlers: Map<number, ScriptHandler>

  constructor(internet: Caller<InternetOffer>, handlers: Map<number, ScriptHandler>) {
    this.#internet = internet
    this.#handlers = handlers
  }

  /** The requests so far, oldest first; one whose body still arrives is there with `complete: false`. */
  async requests(
    filter: RequestFilter | ((request: RequestRecord) => boolean) = {},
  ): Promise<readonly RequestRecord[]> {
    return (await this.#internet('requests')).filter(
      typeof filter === 'function' ? filter : request => matches(filter, request),
    )
  }

  /** The connections so far, failed handshakes included. */
  async connections(
    filter: (connection: ConnectionRecord) => boolean = () => true,
  ): Promise<readonly ConnectionRecord[]> {
    return (await this.#internet('connections')).filter(filter)
  }

  /** Waits for the first request that passes the filter and is complete. @throws Error after `timeoutMs`. */
  async next(filter: RequestFilter | ((request: RequestRecord) => boolean), timeoutMs = 5_000): Promise<RequestRecord> {
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await delay(10)) {
      const found = (await this.requests(filter)).find(({ complete }) => complete)
      if (found !== undefined) return found
    }
    throw new Error(`no such request within ${timeoutMs} ms`)
  }

  /**
   * Makes a host (`*` for any) answer at a path (no query; `*` for any). Bytes and steps are written verbatim, on HTTP/1 only: give
   * such a host a name that starts with `h1.`, or a client that offers no h2.
   */
  async script(host: string, path: string, script: Script): Promise<void> {
    if (typeof script === 'function') {
      const callback = this.#handlers.size + 1
      this.#handlers.set(callback, script)
      await this.#internet('script', host, path, { callback })
    } else if (typeof script === 'string' || script instanceof Uint8Array)
      await this.#internet('script', host, path, { raw: [{ send: script }] })
    else await this.#internet('script', host, path, 'status' in script ? script : { raw: script })
  }

  /** Takes a script back. */
  async unscript(host: string, path: string): Promise<void> {
    await this.#internet('unscript', host, path)
  }

  /** Forgets requests and connections so far. */
  async clear(): Promise<void> {
    await this.#internet('clearRequests')
  }
}

/** What the lab offers to the internet process: handlers that live in the test. */
export function labOffer(handlers: ReadonlyMap<number, ScriptHandler>): LabOffer {
  return {
    async handle(callback, request) {
      const handler = handlers.get(callback)
      return handler === undefined ? { status: 500, body: 'no such handler\n' } : handler(request)
    },
  }
}

function matches(filter: RequestFilter, request: RequestRecord): boolean {
  return (
    (filter.host === undefined || request.host === filter.host) &&
    (filter.path === undefined || request.path === filter.path) &&
    (filter.method === undefined || request.method === filter.method) &&
    (filter.sni === undefined || request.sni === filter.sni) &&
    (filter.address === undefined || request.address === filter.address) &&
    (filter.protocol === undefined || request.protocol === filter.protocol)
  )
}
