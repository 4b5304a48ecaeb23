/**
 * Sends heads, bodies and trailers over HTTP/2 as they are given, on one session with one host, and writes down what comes
 * back. Arguments: a JSON file of cases, a JSON file for the answers, the host.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type ClientHttp2Session } from 'node:http2'
import type { H2Answer, H2Case } from './h2-case.ts'

const [from = '', to = ''] = process.argv.slice(2)
const cases: readonly H2Case[] = JSON.parse(readFileSync(from, 'utf8'))
const session = connect(`https://${process.argv[4] ?? ''}`)
const answers: H2Answer[] = []
for (const one of cases) answers.push(await converse(session, one))
// And once more all at once, on the same session.
const together = await Promise.all(cases.map(one => converse(session, one)))
session.close()
writeFileSync(to, JSON.stringify([...answers, ...together.map(one => ({ ...one, name: `${one.name}, among others` }))]))

async function converse(on: ClientHttp2Session, { name, head, body, trailers }: H2Case): Promise<H2Answer> {
  const stream = on.request(head, { endStream: body === undefined, waitForTrailers: trailers !== undefined })
  const interim: string[][] = []
  const got: { head?: readonly string[]; trailers?: readonly string[] } = {}
  const hash = createHash('sha256')
  let length = 0
  stream.on('headers', (_headers, _flags, raw) => interim.push([...raw]))
  stream.on('response', (_headers, _flags, raw) => (got.head = [...raw]))
  stream.on('trailers', (_headers, _flags, raw) => (got.trailers = [...raw]))
  stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}))
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    length += chunk.length
  })
  if (body !== undefined) stream.end(body)
  if (!stream.closed) await once(stream, 'close').catch(() => undefined)
  return {
    name,
    head: got.head ?? [],
    interim,
    trailers: got.trailers ?? [],
    length,
    sha256: hash.digest('hex'),
    code: stream.rstCode ?? 0,
  }
}
