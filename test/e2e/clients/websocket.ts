/** Sends text and bytes over a WebSocket, prints the echoes and how it was closed. Argument: URL. */
import { WebSocket } from 'ws'

const socket = new WebSocket(process.argv[2] ?? '')
const heard: string[] = []
socket.on('open', () => {
  socket.send('hello')
  socket.send(Buffer.alloc(1_000_000, 'w'))
})
socket.on('message', (data: Buffer, isBinary: boolean) => {
  heard.push(`${isBinary ? 'bytes' : 'text'} ${data.length}`)
  if (heard.length === 2) socket.close(4000, 'enough')
})
socket.on('close', (code: number) => console.log(JSON.stringify({ heard, code })))
socket.on('error', (cause: Error) => console.log(JSON.stringify({ error: cause.message })))
