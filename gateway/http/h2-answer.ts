import type { ServerHttp2Stream } from 'node:http2'
import { constants } from 'node:http2'
import { GatewayError } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import { renderRefusal, type RefusedRequest } from './refusal.ts'

/** `PERMISSION_DENIED` and `UNAVAILABLE` of gRPC's status codes. */
const grpcDenied = '7'
const grpcUnavailable = '14'

/**
 * Answers a stream with the sentence for a denial or a failure. A gRPC client gets it as a trailers-only response, the
 * one form in which its user will see it. Returns the status that was sent.
 */
export function answerRefusal(
  stream: ServerHttp2Stream,
  about: RefusedRequest,
  cause: Denied | GatewayError,
  isGrpc: boolean,
): number {
  const refusal = renderRefusal(about, cause)
  const fields: string[] = [':status', String(isGrpc ? 200 : refusal.status)]
  if (isGrpc) {
    fields.push('content-type', 'application/grpc')
    fields.push('grpc-status', cause instanceof GatewayError ? grpcUnavailable : grpcDenied)
    fields.push('grpc-message', percentEncode(refusal.body.trimEnd()))
  }
  for (const [name, value] of refusal.headers) {
    if (!isGrpc || name.startsWith('x-')) fields.push(name, value)
  }
  const options = { endStream: isGrpc || about.method === 'HEAD', sendDate: false }
  stream.respond(fields, options)
  if (!options.endStream) stream.end(refusal.body)
  // The client may stop sending its body: the answer does not depend on it (RFC 9113 §8.1).
  stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
  if (stream.writableFinished) stream.close(constants.NGHTTP2_NO_ERROR)
  return isGrpc ? 200 : refusal.status
}

/** As gRPC wants messages: printable ASCII but `%`, everything else as escaped UTF-8. */
function percentEncode(text: string): string {
  const bytes = Buffer.from(text, 'utf8')
  return Array.from(bytes, byte =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')
}
