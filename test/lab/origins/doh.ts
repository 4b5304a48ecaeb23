import type { dnsResponder, DnsArrival } from '../dns/server.ts'
import { readAll, type Exchange, type Reply } from './exchange.ts'

/** Answers DNS over HTTPS (RFC 8484): POST, and GET with `?dns=`. */
export async function answerDoh(
  exchange: Exchange,
  server: DnsArrival['server'],
  respond: ReturnType<typeof dnsResponder>,
): Promise<Reply> {
  const message =
    exchange.method === 'POST'
      ? await readAll(exchange.body)
      : Buffer.from(exchange.query.get('dns') ?? '', 'base64url')
  const answer = await respond(message, { server, transport: 'doh', source: exchange.remoteAddress, sourcePort: 0 })
  if (answer === undefined) return { status: 400, body: 'not a DNS message\n' }
  return {
    status: 200,
    headers: [
      ['Content-Type', 'application/dns-message'],
      ['Cache-Control', 'max-age=60'],
    ],
    body: answer,
  }
}

/** Whether a request is a DNS query. */
export function isDoh({ path }: Exchange): boolean {
  return path === '/dns-query'
}
