import { openControl, defaultControlPath } from '../control.ts'
import { dockerEngine } from '../docker/docker-engine.ts'
import { watch } from '../docker/watch.ts'
import { openWatchLog } from '../docker/watch-log.ts'
import { parseInitArguments } from './arguments.ts'
import type { InitCommand } from './program.ts'

const usage = `usage: sidecar-init docker [--control PATH] [--engine PATH] [--gateway CONTAINER]

Watches a Docker engine, for builds whose containers somebody else starts (an
agent that runs container jobs): every container with the label
tidegate.job=NAME, started with --network none, gets its wire when it starts,
under the policy of its label tidegate.policy, and loses it when it ends. A
container that could leave the wire (privileged, NET_ADMIN, a namespace of the
machine, an engine's socket …) gets none, and a line says why. Containers
without the label are left alone.

  --control PATH       the gateway's control socket (default ${defaultControlPath})
  --engine PATH        the engine's socket (default /var/run/docker.sock)
  --gateway CONTAINER  the gateway's container (default: the one that runs with
                       the label tidegate.role=gateway)

exit: 0 when told to stop; 2 wrong usage. It waits for an engine and a gateway
that are not there, and for those that come back.
`

/** `sidecar-init docker`: the watcher. */
export const dockerCommand: InitCommand = {
  name: 'docker',
  summary: 'watch a Docker engine and link the containers with a label',
  usage,
  async run(args, io) {
    const { values } = parseInitArguments('docker', {
      args: [...args],
      options: {
        control: { type: 'string', default: defaultControlPath },
        engine: { type: 'string', default: '/var/run/docker.sock' },
        gateway: { type: 'string' },
      },
    })
    const { control, engine, gateway } = values
    const options = {
      engine: dockerEngine(engine),
      openControl: async (signal: AbortSignal) => openControl(control, signal),
      log: openWatchLog(io.stderr),
      now: () => performance.now(),
      everyMs: 2_000,
    }
    await watch(gateway === undefined ? options : { ...options, gateway }, io.signal)
    return 0
  },
}
