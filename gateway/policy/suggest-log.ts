import { GatewayError } from '../errors.ts'

/** What `suggest` needs of one line of a log (contracts.md §3). */
export interface Observation {
  readonly layer: string
  readonly time?: string
  readonly host?: string
  readonly address?: string
  readonly port?: number
  readonly protocol?: string
  readonly method?: string
  readonly path?: string
  readonly verdict?: string
  readonly reason?: string
  readonly inspected?: boolean
  readonly bytesSent?: number
  readonly bytesReceived?: number
  readonly error?: string
  /** Base name of the process's executable. */
  readonly program?: string
}

const layers = new Set(['dns', 'tcp', 'tls', 'http', 'udp', 'packet', 'job', 'file'])
const texts = ['time', 'host', 'address', 'protocol', 'method', 'path', 'verdict', 'reason', 'error'] as const
const counts = ['port', 'bytesSent', 'bytesReceived'] as const

/**
 * Takes one line of a log apart.
 * @throws GatewayError LOG_INVALID, naming `place`, when it is no line of a version 1 log
 */
export function parseLogLine(line: string, place: string): Observation {
  const fail = (what: string, cause?: unknown): GatewayError =>
    new GatewayError('LOG_INVALID', `${place}: ${what}`, { cause, details: { place } })
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (cause) {
    throw fail('not JSON: the line is cut off or the file is no egress log', cause)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw fail('not a JSON object')
  const fields = new Map<string, unknown>(Object.entries(parsed))
  if (fields.get('v') !== 1) throw fail('not a line of a version 1 log')
  const layer = fields.get('layer')
  if (typeof layer !== 'string' || !layers.has(layer)) throw fail("'layer' is none of the layers of a log")
  const observation: { -readonly [Key in keyof Observation]: Observation[Key] } = { layer }
  for (const name of texts) {
    const value = fields.get(name)
    if (value === undefined) continue
    if (typeof value !== 'string') throw fail(`'${name}' is not a text`)
    observation[name] = value
  }
  for (const name of counts) {
    const value = fields.get(name)
    if (value === undefined) continue
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw fail(`'${name}' is not a whole number`)
    observation[name] = value
  }
  const inspected = fields.get('inspected')
  if (inspected !== undefined) {
    if (typeof inspected !== 'boolean') throw fail("'inspected' is not true or false")
    observation.inspected = inspected
  }
  const program = programOf(fields.get('process'))
  return program === undefined ? observation : { ...observation, program }
}

function programOf(process: unknown): string | undefined {
  if (typeof process !== 'object' || process === null || !('exe' in process) || typeof process.exe !== 'string')
    return undefined
  const name = process.exe.slice(process.exe.lastIndexOf('/') + 1)
  return name === '' ? undefined : name.slice(0, 40)
}

/** Longest line of a log that is read, bytes. */
const maxLineBytes = 1_048_576

/**
 * Reads a log line by line, holding one line at a time.
 * @throws GatewayError LOG_INVALID with file and line at the first line that is broken or longer than 1 MiB
 */
export async function* readLog(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Observation, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = new Uint8Array(0)
  let number = 0
  const parse = (bytes: Uint8Array): Observation => {
    number += 1
    let line
    try {
      line = decoder.decode(bytes)
    } catch (cause) {
      throw new GatewayError('LOG_INVALID', `${file}:${number}: not UTF-8`, { cause })
    }
    return parseLogLine(line, `${file}:${number}`)
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield parse(rest.length === 0 ? chunk.subarray(start, end) : Buffer.concat([rest, chunk.subarray(start, end)]))
      rest = new Uint8Array(0)
      start = end + 1
    }
    if (start < chunk.length) rest = Buffer.concat([rest, chunk.subarray(start)])
    if (rest.length > maxLineBytes)
      throw new GatewayError('LOG_INVALID', `${file}:${number + 1}: the line is longer than 1 MiB`)
  }
  if (rest.length > 0) yield parse(rest)
}
