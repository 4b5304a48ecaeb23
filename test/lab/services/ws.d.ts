/** The part of `ws` that tests use; the package brings no types of its own. */
declare module 'ws' {
  import type { Duplex } from 'node:stream'
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:http'

  export class WebSocket extends EventEmitter {
    constructor(url: string, options?: { readonly ca?: string; readonly headers?: Readonly<Record<string, string>> })
    send(data: Uint8Array | string, options?: { readonly binary?: boolean }): void
    close(code?: number, reason?: string | Uint8Array): void
  }

  export class WebSocketServer {
    constructor(
      options: { readonly noServer: true; readonly perMessageDeflate?: boolean } | { readonly server: Server },
    )
    on(event: 'connection', listener: (socket: WebSocket) => void): this
    close(): void
    handleUpgrade(
      request: { readonly method: string; readonly url: string; readonly headers: Readonly<Record<string, string>> },
      socket: Duplex,
      head: Buffer,
      done: (socket: WebSocket) => void,
    ): void
  }
}
