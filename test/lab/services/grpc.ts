import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { addresses } from '../addresses.ts'
import type { Recorder } from '../origins/recorder.ts'
import { echoDefinition } from './grpc-echo.ts'
import type { ServiceContext } from './start.ts'

/** A gRPC echo that ends each call with the trailer `x-lab-trailer: end`. */
export async function startGrpc({ minter, recorder }: ServiceContext): Promise<void> {
  const { certPem, keyPem } = minter.mint({ commonName: 'grpc.acme.test', names: ['grpc.acme.test'] })
  const server = new Server()
  server.addService(echoDefinition, {
    unary(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      record(recorder, call.getPeer(), call.getPath(), call.metadata, [call.request])
      done(null, call.request, endOfCall())
    },
    bidi(call: ServerDuplexStream<Buffer, Buffer>) {
      const heard: Buffer[] = []
      call.on('data', (message: Buffer) => {
        heard.push(message)
        call.write(message)
      })
      call.on('error', () => {})
      call.on('end', () => {
        record(recorder, call.getPeer(), call.getPath(), call.metadata, heard)
        call.end(endOfCall())
      })
    },
  })
  const credentials = ServerCredentials.createSsl(null, [
    { cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) },
  ])
  for (const address of [addresses.grpc.v4, `[${addresses.grpc.v6}]`]) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.bindAsync(`${address}:443`, credentials, cause => (cause === null ? resolve() : reject(cause)))
    await promise
  }
}

function endOfCall(): Metadata {
  const trailers = new Metadata()
  trailers.set('x-lab-trailer', 'end')
  return trailers
}

function record(
  recorder: Recorder,
  peer: string,
  target: string,
  metadata: Metadata,
  messages: readonly Buffer[],
): void {
  const connection = recorder.openConnection({
    address: addresses.grpc.v4,
    port: 443,
    peer: peer.replace(/:\d+$/, ''),
    peerPort: Number(/:(\d+)$/.exec(peer)?.[1]),
    encrypted: true,
    sni: undefined,
    alpn: 'h2',
    tlsVersion: undefined,
    sessionReused: false,
    clientCertificate: undefined,
    error: undefined,
  })
  const headers = Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)] as const)
  const request = recorder.openRequest(connection, {
    protocol: 'grpc',
    host: 'grpc.acme.test',
    method: 'POST',
    target,
    headers,
    head: new Uint8Array(),
  })
  for (const message of messages) request.bodyTally.add(message)
  request.complete = true
}
