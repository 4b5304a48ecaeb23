import { GatewayError } from '../errors.ts'
import type { Command, Io } from './command.ts'
import { complain } from './complain.ts'
import { version } from './version.ts'

/** The commands, loaded only when asked for: `run` must not wait for what `report` needs. */
const commands: Readonly<Record<string, { readonly summary: string; load(): Promise<Command> }>> = {
  run: { summary: 'run a build behind the gateway on this machine', load: async () => (await import('./run.ts')).run },
  serve: {
    summary: 'serve the jobs of containers, many at once',
    load: async () => (await import('./serve.ts')).serve,
  },
  check: { summary: 'lint policy files', load: async () => (await import('./check.ts')).check },
  explain: {
    summary: 'the decision on one destination, without a network',
    load: async () => (await import('./explain.ts')).explain,
  },
  suggest: {
    summary: 'the smallest policy under which observed jobs would pass',
    load: async () => (await import('./suggest.ts')).suggest,
  },
  report: { summary: 'the report of a job from its log', load: async () => (await import('./report.ts')).report },
  checkpoint: {
    summary: 'the checkout is complete; or: is this archive what the commit says',
    load: async () => (await import('./checkpoint.ts')).checkpoint,
  },
  permissions: {
    summary: 'the least permissions of each GitHub or Azure DevOps token',
    load: async () => (await import('./permissions.ts')).permissions,
  },
  export: {
    summary: "a job's log in the formats of other tools",
    load: async () => (await import('./export.ts')).exportLog,
  },
  verify: { summary: "check a log's hash chain and seal", load: async () => (await import('./verify.ts')).verify },
  lock: {
    summary: 'what jobs need of the network, as a file to review',
    load: async () => (await import('./lock.ts')).lock,
  },
  fleet: {
    summary: 'what is new in many jobs at once, and what in one alone',
    load: async () => (await import('./fleet.ts')).fleet,
  },
  attest: {
    summary: 'try the ways around the gateway from inside a job',
    load: async () => (await import('./attest.ts')).attest,
  },
  'scan-log': {
    summary: "look for a job's canaries in another system's log",
    load: async () => (await import('./scan-log.ts')).scanLog,
  },
  detect: {
    summary: 'the policy lines a project needs, from its own configuration',
    load: async () => (await import('./detect.ts')).detect,
  },
  import: { summary: "translate another tool's policy", load: async () => (await import('./import.ts')).importPolicy },
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`)
  return `tidegate ${version}: a network gateway for CI/CD builds

usage: tidegate COMMAND [ARGUMENT…]

${lines.join('\n')}

'tidegate COMMAND --help' explains each. Policies: docs/policy.md. First steps: README.md.
`
}

/** Runs one command line and returns the exit code. Every error ends here as one clear line on stderr. */
export async function program(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...args] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    ;(name === undefined ? io.stderr : io.stdout).write(overview())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === 'version') {
    io.stdout.write(`tidegate ${version}\n`)
    return 0
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry === undefined) {
    io.stderr.write(`tidegate: there is no command '${name}' (commands: ${Object.keys(commands).join(', ')})\n`)
    return 2
  }
  let command: Command | undefined
  try {
    command = await entry.load()
    const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
    if (own.includes('--help') || own.includes('-h')) {
      io.stdout.write(command.usage)
      return 0
    }
    return await command.run(args, io)
  } catch (error) {
    complain('tidegate', error, io)
    if (!(error instanceof GatewayError)) return name === 'run' ? 125 : 2
    return command?.exitCodeOf?.(error) ?? 2
  }
}
