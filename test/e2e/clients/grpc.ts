/**
 * Opens one bidirectional stream, says a word when it has heard the last one, and prints what came back. Roots are those of
 * the environment. Argument: host:port.
 */
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js'
import { echoDefinition } from '../../lab/services/grpc-echo.ts'

const { bidi } = echoDefinition
if (bidi === undefined) throw new Error('no such method')
const client = new Client(process.argv[2] ?? '', credentials.createSsl())
const metadata = new Metadata()
metadata.add('x-asked', 'one')
metadata.add('x-asked', 'two')
const call = client.makeBidiStreamRequest<Buffer, Buffer>(
  bidi.path,
  bidi.requestSerialize,
  bidi.responseDeserialize,
  metadata,
)
const words = ['one', 'two', 'three', 'x'.repeat(200_000)]
const lengths: number[] = []
const say = (): void => {
  const word = words.shift()
  if (word === undefined) call.end()
  else call.write(Buffer.from(word))
}
call.on('error', () => {})
call.on('data', (message: Buffer) => {
  lengths.push(message.length)
  say()
})
call.on('status', ({ metadata: trailers, code, details }: StatusObject) => {
  console.log(JSON.stringify({ lengths, trailer: trailers.get('x-lab-trailer')[0]?.toString(), code, details }))
  client.close()
})
say()
