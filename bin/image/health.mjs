// The image's health check: the gateway answers on its control socket, which it opens last when it starts.
//   health.mjs [SOCKET]
import { createConnection } from 'node:net'

const path = process.argv[2] ?? '/run/tidegate-control/gateway.sock'
const fail = why => {
  console.error(`the gateway does not answer on ${path}: ${why}`)
  process.exit(1)
}
const socket = createConnection(path, () => socket.write('{"op":"status"}\n'))
socket.setEncoding('utf8')
socket.setTimeout(2_000, () => fail('too slow'))
socket.once('error', error => fail(error.message))
socket.once('end', () => fail('it closed the connection'))
let reply = ''
socket.on('data', text => {
  reply += text
  if (!reply.includes('\n')) return
  if (JSON.parse(reply).ok !== true) fail(reply.trim())
  process.exit(0)
})
