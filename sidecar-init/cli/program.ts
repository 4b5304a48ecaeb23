import type { Command, Io } from '../../gateway/cli/command.ts'
import { complain } from '../../gateway/cli/complain.ts'
import { version } from '../../gateway/cli/version.ts'
import { GatewayError } from '../../gateway/errors.ts'

/** What a command of this program may touch: there is no job here that a fault of ours would have to end. */
export type InitIo = Omit<Io, 'fault'>

/** One command of the `sidecar-init` program. */
export interface InitCommand extends Omit<Command, 'run' | 'exitCodeOf'> {
  run(args: readonly string[], io: InitIo): Promise<number>
}

/** The commands, loaded only when asked for: a build waits for `link` and `wait`. */
const commands: Readonly<Record<string, { readonly summary: string; load(): Promise<InitCommand> }>> = {
  link: {
    summary: 'lay the wire of the job whose network namespace this is',
    load: async () => (await import('./link.ts')).linkCommand,
  },
  docker: {
    summary: 'watch a Docker engine and link the containers with a label',
    load: async () => (await import('./docker.ts')).dockerCommand,
  },
  wait: {
    summary: 'become a command when the wire of this container is proved',
    load: async () => (await import('./wait.ts')).waitCommand,
  },
  lay: {
    summary: 'lay and prove wires as standard input says: the helpers of docker',
    load: async () => (await import('./lay.ts')).layCommand,
  },
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(7)} ${summary}`)
  return `sidecar-init ${version}: lays the wire between a build's container and the gateway

usage: sidecar-init COMMAND [ARGUMENT…]

${lines.join('\n')}

'sidecar-init COMMAND --help' explains each. docs/sidecar-init.md has the whole.
`
}

/** Runs one command line and returns the exit code: 2 for a wrong usage, 125 for everything that kept the wire from standing. */
export async function program(argv: readonly string[], io: InitIo): Promise<number> {
  const [name, ...args] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    ;(name === undefined ? io.stderr : io.stdout).write(overview())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === 'version') {
    io.stdout.write(`sidecar-init ${version}\n`)
    return 0
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry === undefined) {
    io.stderr.write(`sidecar-init: there is no command '${name}' (commands: ${Object.keys(commands).join(', ')})\n`)
    return 2
  }
  const command = await entry.load()
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if (own.includes('--help') || own.includes('-h')) {
    io.stdout.write(command.usage)
    return 0
  }
  try {
    return await command.run(args, io)
  } catch (error) {
    complain('sidecar-init', error, io)
    if (!(error instanceof GatewayError)) return 125
    return exitCodes[error.code] ?? 125
  }
}

/** As a shell has them. */
const exitCodes: Readonly<Partial<Record<string, number>>> = {
  USAGE: 2,
  COMMAND_NOT_EXECUTABLE: 126,
  COMMAND_NOT_FOUND: 127,
}
