import { createRequire } from 'node:module'

/** What Node's own parser (llhttp, strict) makes of some bytes. */
export interface NodeReading {
  /** HPE_… when it refused them. */
  readonly error: string | undefined
  readonly messages: readonly NodeMessage[]
}

export interface NodeMessage {
  readonly target: string | undefined
  readonly status: number | undefined
  readonly fields: readonly string[]
  bodyLength: number
  complete: boolean
}

interface RawParser {
  [callback: number]: unknown
  initialize(kind: number, resource: object): void
  execute(bytes: Buffer): number | (Error & { readonly code: string })
}

interface RawParserConstructor {
  new (): RawParser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}

// Node's parser has no public face but its servers, which are a thousand times slower; this module is untyped.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the seam
const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { readonly HTTPParser: RawParserConstructor }

/** Reads `bytes` as Node would, from a fresh connection. `toHead`: the answer is to HEAD. */
export function readAsNode(kind: 'request' | 'response', bytes: Buffer, toHead = false): NodeReading {
  const messages: NodeMessage[] = []
  const parser = new HTTPParser()
  parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {})
  // More than 32 fields come in batches, before the rest.
  let batched: readonly string[] = []
  let batchedTarget = ''
  parser[HTTPParser.kOnHeaders] = (fields: readonly string[], target: string) => {
    batched = [...batched, ...fields]
    batchedTarget += target
  }
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    fields: readonly string[] | undefined,
    _method: number | undefined,
    target: string | undefined,
    status: number | undefined,
  ) => {
    const all = [...batched, ...(fields ?? [])]
    messages.push({ target: target ?? batchedTarget, status, fields: all, bodyLength: 0, complete: false })
    batched = []
    batchedTarget = ''
    return toHead ? 1 : 0
  }
  parser[HTTPParser.kOnBody] = (body: Buffer) => {
    const last = messages.at(-1)
    if (last !== undefined) last.bodyLength += body.length
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    const last = messages.at(-1)
    if (last !== undefined) last.complete = true
  }
  const result = parser.execute(bytes)
  return { error: typeof result === 'number' ? undefined : result.code, messages }
}
