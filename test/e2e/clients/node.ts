/** Node's own HTTP clients; prints one JSON line for each request. Arguments: the h1 and the h2 host. */
import { once } from 'node:events'
import { connect } from 'node:http2'
import { Agent, request, type RequestOptions } from 'node:https'
import { text } from 'node:stream/consumers'
import { TLSSocket } from 'node:tls'

const [h1 = '', h2 = ''] = process.argv.slice(2)
const say = (line: object): void => console.log(JSON.stringify(line))
const issuerOf = (socket: unknown): unknown => socket instanceof TLSSocket && socket.getPeerCertificate().issuer.CN

const fetched = await fetch(`https://${h1}/upload`, { method: 'POST', body: 'x'.repeat(100_000) })
say({ client: 'fetch', status: fetched.status, body: await fetched.json() })

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
async function ask(path: string, options: RequestOptions = {}, body?: string): Promise<void> {
  const asking = request(`https://${h1}${path}`, { agent, ...options })
  let early = 0
  asking.on('information', ({ statusCode }) => (early = statusCode))
  asking.end(body)
  const [response] = await once(asking, 'response')
  const issuer = issuerOf(response.socket)
  const content = await text(response)
  say({
    client: 'https',
    path,
    status: response.statusCode,
    reused: asking.reusedSocket,
    issuer,
    early,
    length: content.length,
    trailers: response.rawTrailers,
  })
}
await ask('/1xx')
await ask('/trailers')
await ask('/upload', { method: 'PUT', headers: { expect: '100-continue', 'content-length': 5 } }, 'hello')
agent.destroy()

const session = connect(`https://${h2}`)
const stream = session.request({ ':path': '/trailers' })
const trailers = once(stream, 'trailers')
const [head] = await once(stream, 'response')
const content = await text(stream)
const [, , rawTrailers] = await trailers
say({
  client: 'http2',
  status: head[':status'],
  issuer: issuerOf(session.socket),
  length: content.length,
  trailers: rawTrailers,
})
session.close()
