import { readAll, type Exchange, type Handler, type RawReply, type Reply } from './exchange.ts'
import type { InternetOffer, LabOffer } from '../servers/internet-offer.ts'
import type { Caller } from '../servers/channel.ts'

type Script = Parameters<InternetOffer['script']>[2]

/** Answers that tests put in front of everything else, by host and path; `*` as host or path means any. */
export class Scripts {
  readonly #scripts = new Map<string, Script>()
  readonly #lab: Caller<LabOffer>

  constructor(lab: Caller<LabOffer>) {
    this.#lab = lab
  }

  set(host: string, path: string, script: Script): void {
    this.#scripts.set(`${host} ${path}`, script)
  }

  delete(host: string, path: string): void {
    this.#scripts.delete(`${host} ${path}`)
  }

  /** The handler for a request, if there is a script for it. */
  find(exchange: Exchange): Handler | undefined {
    const { host, path } = exchange
    const script = [`${host} ${path}`, `${host} *`, `* ${path}`, '* *']
      .map(key => this.#scripts.get(key))
      .find(found => found !== undefined)
    return script === undefined ? undefined : () => this.#run(script, exchange)
  }

  async #run(script: Script, exchange: Exchange): Promise<Reply | RawReply> {
    if (!('callback' in script)) return script
    const { body, query: _, ...facts } = exchange
    return this.#lab('handle', script.callback, { ...facts, bodyBytes: await readAll(body) })
  }
}
