import { constants, type Http2Stream } from 'node:http2'

/** Node ends a stream that was reset, too: only these were whole. */
export function isWhole(stream: Http2Stream): boolean {
  return stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted && !stream.destroyed
}

/**
 * The end of a message. Streams that wait for trailers, as all of ours with a body do, can be reset before it; on others
 * Node's `close()` sends an end first, and half a body looks whole. False when there is a field among them that Node does
 * not send, though it took it: they have not been sent then, and the stream is still open.
 */
export function sendTrailers(stream: Http2Stream, trailers: Record<string, string | string[]>): boolean {
  if (stream.closed || stream.destroyed) return true
  try {
    stream.sendTrailers(trailers)
    return true
  } catch {
    return false
  }
}
