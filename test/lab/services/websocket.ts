import { WebSocketServer } from 'ws'
import type { Handler } from '../origins/exchange.ts'
import type { ServiceContext } from './start.ts'

/** A WebSocket echo on ws.acme.test, any path, with and without TLS. */
export async function startWebsocket({ hosts }: ServiceContext): Promise<void> {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  const echo: Handler = ({ method, target, headers }) => {
    const fields = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))
    if (fields['upgrade']?.toLowerCase() !== 'websocket')
      return { status: 426, headers: [['Upgrade', 'websocket']], body: 'WebSocket only\n' }
    return {
      takeOver(socket, rest) {
        server.handleUpgrade({ method, url: target, headers: fields }, socket, rest, connection => {
          connection.on('error', () => {})
          connection.on('message', (data: Buffer, binary: boolean) => connection.send(data, { binary }))
        })
        socket.resume()
      },
    }
  }
  hosts.set('ws.acme.test', echo)
}
