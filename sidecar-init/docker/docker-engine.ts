import { Readable } from 'node:stream'
import Docker from 'dockerode'
import { z } from 'zod'
import { Lines } from '../../gateway/control/lines.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { absentAsUndefined, ask, late, messageOf, unreachable } from './engine-calls.ts'
import type { Engine, EngineEvent } from './engine.ts'
import { folderOfVolume, parseInspection, volumesIn } from './inspect.ts'
import { startHelper } from './helper-process.ts'

/** Labels of a container may be long, and every event repeats them. */
const maxEventBytes = 4_194_304

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
    startHelper: async spec => startHelper(docker, spec),
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
