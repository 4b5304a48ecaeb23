import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'

const asIs = (bytes: Buffer): Buffer => bytes

function method(path: string, stream: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }
}

/** The echo service, for servers and for clients (`makeGenericClientConstructor`): messages are plain bytes, no protobuf. */
export const echoDefinition: ServiceDefinition<{ unary: never; bidi: never }> &
  Record<string, MethodDefinition<Buffer, Buffer>> = {
  unary: method('/lab.Echo/Unary', false),
  bidi: method('/lab.Echo/Bidi', true),
}
