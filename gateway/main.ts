import process from 'node:process'
import { program } from './cli/program.ts'

// The entry holds the signals and nothing else. SIGHUP too: a closed terminal must not leave a wire behind.
const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort(name))

process.exitCode = await program(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: stopping.signal,
})
