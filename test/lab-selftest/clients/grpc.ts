/** A client that opens one bidirectional stream and prints what came back. Argument: host:port. */
import { Client, credentials, type StatusObject } from '@grpc/grpc-js'
import { readFileSync } from 'node:fs'
import { echoDefinition } from '../../lab/services/grpc-echo.ts'

const bidi = echoDefinition['bidi']
if (bidi === undefined) throw new Error('no such method')
const roots = readFileSync(process.env['SSL_CERT_FILE'] ?? '')
const client = new Client(process.argv[2] ?? '', credentials.createSsl(roots))
const call = client.makeBidiStreamRequest<Buffer, Buffer>(bidi.path, bidi.requestSerialize, bidi.responseDeserialize)
const echoed: string[] = []
call.on('error', () => {})
call.on('data', (message: Buffer) => echoed.push(message.toString()))
call.on('status', (status: StatusObject) => {
  console.log(
    JSON.stringify({ echoed, trailer: status.metadata.get('x-lab-trailer')[0]?.toString(), code: status.code }),
  )
  client.close()
})
for (const word of ['one', 'two', 'three']) call.write(Buffer.from(word))
call.end()
