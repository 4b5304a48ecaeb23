import { GatewayError } from '../errors.ts'

/**
 * Bounds what one job may have under way towards the outside: an origin that does not answer holds a connection for long,
 * and a job that asks for many such must not leave none for the others. What is beyond is refused at once, never queued.
 */
export class DialLimit {
  readonly #most: number
  #inFlight = 0

  /** `most`: connections that are being opened, from the question to the resolver to the end of the TLS handshake. */
  constructor(most: number) {
    this.#most = most
  }

  /** Dials, unless there are too many already. @throws GatewayError JOB_LIMIT, and what `dialling` throws */
  async run<Dialled>(dialling: () => Promise<Dialled>): Promise<Dialled> {
    if (this.#inFlight >= this.#most) {
      throw new GatewayError(
        'JOB_LIMIT',
        `this job has ${this.#most} connections under way already, and may have no more`,
      )
    }
    this.#inFlight += 1
    try {
      return await dialling()
    } finally {
      this.#inFlight -= 1
    }
  }
}
