// http-mitm-proxy as a transparent proxy: `node http-mitm-proxy-driver.ts PORT FOLDER`. The package knows CONNECT only, so the
// name of the ClientHello stands for it; and it is spared its two slowest habits, an RSA key per name made in JavaScript
// and a second TCP connection to itself.
import type { IncomingMessage } from 'node:http'
import { readFileSync } from 'node:fs'
import { Agent, createServer as createHttpsServer, type Server } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { Proxy } from 'http-mitm-proxy'
import { readClientHello } from '../../gateway/door/client-hello.ts'
import { Minter, type Authority } from '../../test/lab/certificates/authority.ts'

const [port = '', folder = ''] = process.argv.slice(2)
const authority: Authority = JSON.parse(readFileSync(`${folder}/authority.json`, 'utf8'))
const minter = new Minter(authority)
const servers = new Map<string, Server>()

class TransparentProxy extends Proxy {
  /** A connection whose first bytes have been read. */
  carry(host: string, socket: Socket, head: Buffer): void {
    const server = servers.get(host) ?? this.#serve(host)
    // Paused, or what is put back would be emitted at once, to nobody.
    socket.pause()
    socket.unshift(head)
    server.emit('connection', socket)
  }

  #serve(host: string): Server {
    const { certPem, keyPem } = minter.mint({ commonName: host.slice(0, 64), names: [host] })
    const server = createHttpsServer({ cert: certPem, key: keyPem }, (request: IncomingMessage, response) =>
      this._onHttpServerRequest(true, request, response),
    )
    servers.set(host, server)
    return server
  }
}

const proxy = new TransparentProxy()
proxy.onError(() => undefined)
const httpsAgent = new Agent({ keepAlive: true, maxSockets: Infinity })
proxy.listen({ host: '127.0.0.1', port: 0, sslCaDir: `${folder}/own`, keepAlive: true, httpsAgent }, () => {
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => undefined)
    socket.once('data', head => {
      const read = Buffer.isBuffer(head) ? readClientHello(head) : undefined
      if (read?.status !== 'complete' || read.hello.serverName.kind !== 'name' || !Buffer.isBuffer(head))
        socket.destroy()
      else proxy.carry(read.hello.serverName.host, socket, head)
    })
  })
  server.listen({ host: '0.0.0.0', port: Number(port), backlog: 4_096 })
})
