/** A client that sends one message, prints the echo and leaves. Argument: URL. */
import { WebSocket } from 'ws'

const socket = new WebSocket(process.argv[2] ?? '')
socket.on('open', () => socket.send('hello'))
socket.on('message', (data: Buffer) => {
  console.log(data.toString())
  socket.close()
})
