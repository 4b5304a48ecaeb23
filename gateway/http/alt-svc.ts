/**
 * `Alt-Svc` without its offers of HTTP/3 (RFC 7838): UDP 443 does not leave the job, and a client that tries it first
 * only waits. `clear` and offers of other protocols stay. Undefined when nothing is left; `text` itself when nothing goes.
 */
export function withoutHttp3(text: string): string | undefined {
  const offers = text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []
  const kept = offers.filter(offer => !/^\s*(?:h3|quic)\b/i.test(offer))
  if (kept.length === offers.length) return text
  return kept.length === 0 ? undefined : kept.map(offer => offer.trim()).join(', ')
}
