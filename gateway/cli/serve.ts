import { once } from 'node:events'
import { resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { openIdleMemory } from '../idle-memory.ts'
import { openLogger } from '../observe/logger.ts'
import { startServe, type Serving } from '../start-serve.ts'
import { type Command, type Io, parseArguments } from './command.ts'
import { version } from './version.ts'

/** The gateway cannot serve, or met a fault of its own. */
const notServed = 125

/** Where the image has its configuration. */
const defaultConfig = '/etc/tidegate/gateway.yaml'

const usage = `usage: tidegate serve [--config FILE] [--check]

Serves many jobs at once, each with its own wire, policy, certificate authority
and record. Jobs are attached by an init step (sidecar-init) on the control
socket. Needs NET_ADMIN. Its own log goes to stderr, one JSON object a line.

  --config FILE   the configuration (default: ${defaultConfig});
                  docs/configuration.md has every key
  --check         read configuration, policies and baselines, say what is
                  wrong, and end

SIGHUP   reads all policies and baselines again; a fault keeps the old ones and
         says so
SIGTERM  takes no more jobs, lets what is under way finish (drainMs), and seals
         every record

exit: 0 ended when asked, 2 wrong usage or configuration, 125 it cannot serve
`

export const serve: Command = {
  name: 'serve',
  summary: 'serve the jobs of containers, many at once',
  usage,
  exitCodeOf: ({ code }) =>
    ['USAGE', 'CONFIG_INVALID', 'POLICY_INVALID', 'POLICY_UNREADABLE', 'LOCK_INVALID'].includes(code) ? 2 : notServed,
  async run(args, io) {
    const { values } = parseArguments('serve', {
      args: [...args],
      options: { config: { type: 'string' }, check: { type: 'boolean', default: false } },
    })
    const config = await loadConfig(resolve(io.cwd, values.config ?? defaultConfig))
    if (values.check) {
      const { loadPolicies } = await import('../config/policies.ts')
      const { loadBaselines } = await import('../served-baselines.ts')
      await Promise.all([loadPolicies(config), loadBaselines(config)])
      return 0
    }
    const log = openLogger('info', { write: line => void io.stderr.write(line) })
    let running: Serving | undefined
    // Before it runs there is nothing to read again; but it must not end for it.
    using _hangups = io.takeHangups?.(() => void running?.reload())
    await using serving = await startServe({ config, log, version }, AbortSignal.any([io.signal, io.fault]))
    running = serving
    using _memory = openIdleMemory()
    await untilAsked(serving, io)
    log.info({ why: io.fault.aborted ? 'internal error' : String(io.signal.reason) }, 'ending')
    return io.fault.aborted ? notServed : 0
  },
}

async function untilAsked(serving: Serving, { signal, fault }: Io): Promise<void> {
  const asked = AbortSignal.any([signal, fault])
  if (!asked.aborted) await once(asked, 'abort')
  if (fault.aborted) await serving.fail(fault.reason)
}
