import process from 'node:process'
import { outerEnvironment } from '../gateway/cli/outer-environment.ts'
import { takeUpCapabilities } from '../gateway/packet/own-capabilities.ts'
import { program } from './cli/program.ts'

// The entry holds the signals and nothing else.
const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort(name))

// Who does not listen to us any more is told nothing more: that is no fault.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

await takeUpCapabilities()
process.exitCode = await program(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: outerEnvironment(process.env),
  cwd: process.cwd(),
  signal: stopping.signal,
})

// All is said. Whatever still holds the event loop must not hold who waits for us.
setTimeout(() => process.exit(), 1_000).unref()
