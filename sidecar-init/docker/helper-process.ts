import { Duplex } from 'node:stream'
import type Docker from 'dockerode'
import { absentAsUndefined, ask, callMs, late, messageOf, unreachable } from './engine-calls.ts'
import type { HelperSpec, RunningHelper } from './engine.ts'
import { LogFrames } from './log-frames.ts'

/** So much of what a helper complains about is kept, bytes. */
const maxComplaintBytes = 4_096

function containerOptions({
  image,
  pid,
  network,
  namespaces,
  command,
  labels,
}: HelperSpec): Docker.ContainerCreateOptions {
  const [file, ...args] = command
  return {
    Image: image,
    Entrypoint: [file],
    Cmd: args,
    User: '0:0',
    Labels: { ...labels },
    // Its input ends with our connection, however that ends, and so does it.
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    // The image's own check is one of a gateway.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: network === undefined ? 'none' : `container:${network}`,
      PidMode: `container:${pid}`,
      CapDrop: ['ALL'],
      // To enter a network namespace takes SYS_ADMIN; who is in it already does without.
      CapAdd: namespaces === undefined ? ['NET_ADMIN'] : ['NET_ADMIN', 'SYS_ADMIN'],
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges'],
      AutoRemove: true,
      // What it says is heard here, and nowhere else.
      LogConfig: { Type: 'none', Config: {} },
      ...(namespaces === undefined ? {} : { Mounts: [folderMount(namespaces)] }),
    },
  }
}

/** Also what is mounted there later: each namespace is shown by a mount of its own. */
function folderMount({ from, at }: { readonly from: string; readonly at: string }): Docker.MountSettings {
  return { Type: 'bind', Source: from, Target: at, ReadOnly: true, BindOptions: { Propagation: 'rslave' } }
}

/** Makes a helper, listens to it, and starts it. @throws GatewayError ENGINE_UNREACHABLE; then nothing is left */
export async function startHelper(docker: Docker, spec: HelperSpec): Promise<RunningHelper> {
  await using starting = new AsyncDisposableStack()
  const options = { ...containerOptions(spec), abortSignal: late() }
  const container = await ask(() => docker.createContainer(options))
  starting.defer(async () => {
    await absentAsUndefined(ask(() => container.remove({ force: true, v: true, abortSignal: late() })))
  })
  const connection = await attach(container)
  starting.defer(() => void connection.destroy())
  await ask(() => container.start({ abortSignal: late() }))
  let complaint = Buffer.alloc(0)
  const complain = (data: Buffer): void => {
    complaint = Buffer.concat([complaint, data]).subarray(-maxComplaintBytes)
  }
  // It may end while we write: reading tells.
  connection.on('error', () => connection.destroy())
  const owned = starting.move()
  return {
    id: container.id,
    send: text => void connection.write(text),
    output: readOutput(connection, complain),
    complaint: () => complaint.toString('utf8'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A connection to its three streams. */
async function attach(container: Docker.Container): Promise<Duplex> {
  // Not `late()`: it would cut the connection when that is in use.
  const attaching = new AbortController()
  using limit = new DisposableStack()
  limit.adopt(
    setTimeout(() => attaching.abort(), callMs),
    clearTimeout,
  )
  const streams = await ask(() =>
    container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
      abortSignal: attaching.signal,
    }),
  )
  if (streams instanceof Duplex) return streams
  throw unreachable('the engine gives no connection to a helper')
}

async function* readOutput(connection: Duplex, complain: (data: Buffer) => void): AsyncIterable<Buffer> {
  const frames = new LogFrames()
  try {
    for await (const chunk of connection)
      for (const { stream, data } of frames.push(Buffer.from(chunk))) {
        if (stream === 'output') yield data
        else complain(data)
      }
  } catch (cause) {
    throw unreachable(`a helper’s output ended: ${messageOf(cause)}`, cause)
  }
}
