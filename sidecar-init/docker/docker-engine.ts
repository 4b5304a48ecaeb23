import { Readable } from 'node:stream'
import Docker from 'dockerode'
import { z } from 'zod'
import { Lines } from '../../gateway/control/lines.ts'
import { GatewayError } from '../../gateway/errors.ts'
import type { Engine, EngineEvent, HelperOutcome, HelperSpec } from './engine.ts'
import { folderOfVolume, parseInspection, volumesIn } from './inspect.ts'
import { LogFrames } from './log-frames.ts'

/** Labels of a container may be long, and every event repeats them. */
const maxEventBytes = 4_194_304
/** An engine under load may take its time; one that hangs must not hold the watcher. */
const callMs = 30_000

const event = z.object({ Action: z.string(), Actor: z.object({ ID: z.string() }) })

/** The engine behind a Unix socket. Nothing is asked of it yet. */
export function dockerEngine(socketPath: string): Engine {
  const docker = new Docker({ socketPath })
  return {
    events: async (label, signal) => {
      const filters = { type: ['container' as const], label: [label], event: ['create', 'start', 'die', 'destroy'] }
      // Its types do not know that it takes a signal as all others do.
      const options: Docker.GetEventsOptions & { abortSignal: AbortSignal } = { filters, abortSignal: signal }
      return readEvents(await ask(() => docker.getEvents(options)))
    },
    list: async label => {
      const all = await ask(() =>
        docker.listContainers({ all: true, filters: { label: [label] }, abortSignal: late() }),
      )
      return all.map(({ Id }) => Id)
    },
    async inspect(id) {
      const raw = await absentAsUndefined(ask(() => docker.getContainer(id).inspect({ abortSignal: late() })))
      return raw === undefined ? undefined : parseInspection(raw, await foldersOf(docker, volumesIn(raw)))
    },
    putFiles: async (id, tar) => {
      await ask(() => docker.getContainer(id).putArchive(Buffer.from(tar), { path: '/', abortSignal: late() }))
    },
    createHelper: async spec => (await ask(() => docker.createContainer(helperOptions(spec)))).id,
    runHelper: async (id, onOutput, signal) => runHelper(docker.getContainer(id), onOutput, signal),
    remove: async id => {
      await absentAsUndefined(ask(() => docker.getContainer(id).remove({ force: true, v: true, abortSignal: late() })))
    },
  }
}

/** A volume can be a bind mount by another name (`--opt o=bind --opt device=/run`). */
async function foldersOf(docker: Docker, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    names.map(async name => {
      const raw = await absentAsUndefined(ask(() => docker.getVolume(name).inspect({ abortSignal: late() })))
      const folder = folderOfVolume(raw)
      return folder === undefined ? [] : [[name, folder] as const]
    }),
  )
  return new Map(found.flat())
}

function late(): AbortSignal {
  return AbortSignal.timeout(callMs)
}

/** Runs in the job's network namespace with NET_ADMIN and nothing else, and sees the gateway's processes by number. */
function helperOptions({
  image,
  network,
  pid,
  command,
  environment,
  labels,
}: HelperSpec): Docker.ContainerCreateOptions {
  const [file, ...args] = command
  return {
    Image: image,
    Entrypoint: [file],
    Cmd: args,
    User: '0:0',
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Labels: { ...labels },
    HostConfig: {
      NetworkMode: `container:${network}`,
      PidMode: `container:${pid}`,
      CapDrop: ['ALL'],
      CapAdd: ['NET_ADMIN'],
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges'],
      // What it says is heard here, and nowhere else.
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}

/** Listens before it starts, so that nothing is lost, and does not wait until the engine has tidied up after it. */
async function runHelper(helper: Docker.Container, onOutput: () => void, signal: AbortSignal): Promise<HelperOutcome> {
  const stop = AbortSignal.any([signal, late()])
  const options = { stream: true, stdout: true, stderr: true, abortSignal: stop }
  const output = await ask(() => helper.attach(options))
  const frames = new LogFrames()
  try {
    await ask(() => helper.start({ abortSignal: stop }))
    for await (const chunk of output) if (frames.push(Buffer.from(chunk))) onOutput()
  } catch (cause) {
    throw cause instanceof GatewayError ? cause : unreachable(`a helper’s output ended: ${messageOf(cause)}`, cause)
  } finally {
    if (output instanceof Readable) output.destroy()
  }
  return { stdout: frames.text(1), stderr: frames.text(2) }
}

/** One JSON object a line. What is no event we know is none we need. */
async function* readEvents(stream: NodeJS.ReadableStream): AsyncIterable<EngineEvent> {
  const lines = new Lines(maxEventBytes)
  const body = stream instanceof Readable ? stream : Readable.from(stream)
  try {
    for await (const chunk of body) {
      const whole = lines.push(Buffer.from(chunk))
      if (whole === undefined) throw unreachable('an event of the engine is too long')
      for (const line of whole) {
        const parsed = event.safeParse(parseJson(line))
        if (parsed.success && isAction(parsed.data.Action))
          yield { action: parsed.data.Action, id: parsed.data.Actor.ID }
      }
    }
  } catch (cause) {
    throw cause instanceof GatewayError ? cause : unreachable(`the engine’s events ended: ${messageOf(cause)}`, cause)
  } finally {
    body.destroy()
  }
}

function isAction(action: string): action is EngineEvent['action'] {
  return action === 'create' || action === 'start' || action === 'die' || action === 'destroy'
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw unreachable('the engine’s events are no JSON', cause)
  }
}

async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await question()
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    const status = cause instanceof Error && 'statusCode' in cause ? cause.statusCode : undefined
    throw unreachable(
      status === undefined
        ? `the Docker engine does not answer: ${messageOf(cause)}`
        : `the Docker engine refuses: ${reasonOf(cause)}`,
      cause,
      status,
    )
  }
}

async function absentAsUndefined<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked
  } catch (cause) {
    // 409: it is being removed already.
    if (cause instanceof GatewayError && (cause.details['status'] === 404 || cause.details['status'] === 409))
      return undefined
    throw cause
  }
}

function unreachable(message: string, cause?: unknown, status?: unknown): GatewayError {
  return new GatewayError('ENGINE_UNREACHABLE', message, {
    ...(cause === undefined ? {} : { cause }),
    details: status === undefined ? {} : { status },
  })
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** What the engine itself said, without dockerode's words around it. */
function reasonOf(cause: unknown): string {
  const said =
    cause instanceof Error && 'reason' in cause && 'json' in cause
      ? z.object({ message: z.string() }).safeParse(cause.json)
      : undefined
  return said?.success === true ? said.data.message : messageOf(cause)
}
