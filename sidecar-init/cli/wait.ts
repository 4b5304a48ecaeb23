import process from 'node:process'
import { gateTimeoutSeconds } from '../../gateway/container/gate-script.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { must } from '../../gateway/packet/libc.ts'
import { passGate, withTrust } from '../gate/wait.ts'
import { findCommand } from '../preflight.ts'
import { parseInitArguments, parseTimeout } from './arguments.ts'
import type { InitCommand } from './program.ts'

const usage = `usage: sidecar-init wait [--timeout SECONDS] [--folder PATH] [--no-env] -- COMMAND [ARGUMENT…]

The gate of a build's container: waits until the wire of this very container is
proved, takes on the variables that make toolchains trust the gateway, and
becomes COMMAND. It refuses a container that could leave the wire: one that has
NET_ADMIN, SYS_ADMIN or the like, or sees an engine's socket. The job's folder
holds the same as a shell script, 'wait', for images that do not have this one.

  --timeout SECONDS  how long to wait for the wire (default ${gateTimeoutSeconds})
  --folder PATH      the job's folder, as this container sees it (default /run/tidegate)
  --no-env           leave the environment as it is

exit: that of COMMAND; 125 the gate stays shut, 126 COMMAND cannot be executed,
127 there is no COMMAND, 2 wrong usage
`

/** `sidecar-init wait`: the entrypoint of a build's container. */
export const waitCommand: InitCommand = {
  name: 'wait',
  summary: 'become a command when the wire of this container is proved',
  usage,
  async run(args, io) {
    const { folder, timeoutMs, takesEnvironment, command } = parseCommandLine(args)
    const [name, ...rest] = command
    await passGate({ folder, timeoutMs }, io.signal)
    const environment = takesEnvironment ? withTrust(folder, io.env) : io.env
    const file = findCommand(name, environment['PATH'], io.cwd)
    return become(file, [name, ...rest], environment)
  },
}

// include/uapi/asm-generic/signal.h, signal-defs.h
const SIGPIPE = 13
const SIGXFSZ = 25
const SIG_DFL = 0

/** Replaces this process: the command gets our pid, terminal and signals. */
function become(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): never {
  if (process.execve === undefined) throw new GatewayError('GATE_CLOSED', 'this Node cannot become another program')
  // Node ignores them, and what is ignored stays so in the new program: `yes | head` would complain.
  for (const signal of [SIGPIPE, SIGXFSZ]) must('set a signal back', 'signal', signal, SIG_DFL)
  const present = Object.entries(environment).filter(([, value]) => value !== undefined)
  return process.execve(file, [...args], Object.fromEntries(present))
}

function parseCommandLine(args: readonly string[]) {
  const { values, positionals } = parseInitArguments('wait', {
    args: [...args],
    options: {
      timeout: { type: 'string', default: String(gateTimeoutSeconds) },
      folder: { type: 'string', default: '/run/tidegate' },
      'no-env': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const [name, ...rest] = positionals
  if (name === undefined || !args.includes('--')) {
    throw new GatewayError('USAGE', "wait: which command? Write it after -- (see 'sidecar-init wait --help')")
  }
  const command: readonly [string, ...string[]] = [name, ...rest]
  const timeoutMs = parseTimeout('wait', values.timeout)
  return { folder: values.folder, timeoutMs, takesEnvironment: !values['no-env'], command }
}
