import type { Http2Stream } from 'node:http2'
import { spent } from '../upstream/spent-buffers.ts'
import { isWhole, sendTrailers } from './h2-end.ts'

/** What happens to a body on its way. */
export interface BodyWatch {
  /** Takes a piece, counted and looked at; false when it must not go on. */
  take(piece: Buffer): boolean
  /** The trailers, when the body is over. */
  trailers(): Record<string, string | string[]>
  /** The body is over and whole; false when its end must not be sent. */
  ended(): boolean
  /** The trailers cannot be sent on. */
  unsendable(): void
}

/** Copies a body and its trailers, as fast as the receiver takes it. Both streams wait for trailers. */
export function forwardBody(from: Http2Stream, to: Http2Stream, watch: BodyWatch): void {
  to.on('wantTrailers', () => {
    if (!sendTrailers(to, watch.trailers())) watch.unsendable()
  })
  to.on('drain', () => from.resume())
  from.on('data', (chunk: Buffer) => {
    spent(chunk.length)
    // 204, 304 and answers to HEAD have ended already.
    if (watch.take(chunk) && !to.writableEnded && !to.write(chunk)) from.pause()
  })
  from.on('end', () => {
    if (!isWhole(from)) return
    if (watch.ended()) to.end()
  })
}
