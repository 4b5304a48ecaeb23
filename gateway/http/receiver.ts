import type { Socket } from 'node:net'

/**
 * Hands `take` what `socket` reads, in order, while the socket flows: like a `data` listener, which it also is, but past the buffer that
 * `node:stream` keeps between a socket and its reader where that is empty anyway: measured, a twentieth of what a request costs.
 * What comes while the socket is paused goes into that buffer as ever, and to `take` when it is resumed. Does not resume the socket; disposing it
 * makes the socket what it was.
 */
export function receive(socket: Socket, take: (bytes: Buffer) => void): Disposable {
  const push = socket.push.bind(socket)
  socket.on('data', take)
  // What a socket does with all that it reads (Node's `onStreamRead`). False from it makes the socket stop reading.
  socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (!Buffer.isBuffer(chunk) || socket.readableFlowing !== true || socket.readableLength > 0)
      return push(chunk, encoding)
    take(chunk)
    return true
  }
  return {
    [Symbol.dispose]() {
      Reflect.deleteProperty(socket, 'push')
      socket.off('data', take)
    },
  }
}
