import type { RawStep as Written } from '../lab/origins/exchange.ts'
import type { RawStep } from './clients/raw-case.ts'

/** One exchange as bytes: what the client sends, what the origin answers. */
export interface FidelityCase {
  readonly name: string
  readonly steps: readonly RawStep[]
  /** Written by the origin as it is; else its default route answers. */
  readonly answer?: readonly Written[]
  readonly until?: string
  /** Of its requests, by which the origin's record is found; default `/` and the name. */
  readonly path?: string
  /**
   * What block mode does instead, where a message can be read in two ways: the client is refused with this status, and the
   * origin is never asked (`request`), or its answer is not passed on (`answer`). Audit carries it all the same.
   */
  readonly inBlock?: { readonly status: 400 | 502; readonly because: 'request' | 'answer' }
}

/** The origin of every case. */
export const host = 'h1.acme.test'
/** The last bytes of most answers: the client then has all of it. */
export const ended = '\r\nEND\n'
/** What a case's origin answers unless its answer is what the case is about. */
export const plainAnswer = `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n${ended}`
/** One character for each octet. */
export const everyOctet = String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet))

/** A head with `Host` and these further lines. */
export function head(start: string, ...lines: readonly string[]): string {
  return [start, `Host: ${host}`, ...lines, '', ''].join('\r\n')
}

/** A request to a path of its own, answered plainly. */
export function asks(
  name: string,
  steps: (path: string) => readonly RawStep[],
  further: Partial<FidelityCase> = {},
): FidelityCase {
  return { name, steps: steps(`/${name}`), answer: [{ send: plainAnswer }], until: ended, ...further }
}
