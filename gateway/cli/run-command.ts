import { once } from 'node:events'
import process from 'node:process'
import type { JobProcess } from '../../sidecar-init/launch.ts'
import type { EnvironmentChanges } from '../ca/trust-environment.ts'
import type { Gateway } from '../start.ts'
import { carryOutput } from './carry-output.ts'
import type { Io } from './command.ts'
import type { RunArguments } from './run-arguments.ts'
import type { RunUser } from './run-user.ts'

/** How long a command may take to end once it was asked to. */
const graceMs = 10_000

/** What is run, by whom, and with which environment (before the gateway's changes). */
export interface CommandToRun {
  readonly args: RunArguments
  readonly user: RunUser
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Starts the command and waits for its end. Asked to stop, it gets the signal, and if it does not end, is killed. */
export async function runCommand(gateway: Gateway, { args, user, environment }: CommandToRun, io: Io): Promise<number> {
  using output = gateway.output === undefined ? undefined : carryOutput(gateway.output, user, io)
  const job = gateway.place.start({
    command: args.command,
    env: applyChanges(environment, gateway.trust),
    cwd: process.cwd(),
    ...io.outer,
    ...(user.uid === 0 && args.user === undefined ? {} : { user }),
    ...(output === undefined ? {} : { stdio: output.stdio }),
  })
  output?.started()
  const ended = new AbortController()
  const stopping = stopWhenAsked(job, io, ended.signal)
  const { code } = await job.exited
  ended.abort()
  await stopping
  // Whoever asks us to stop does not wait for a reader that has stopped.
  if (output !== undefined) await Promise.race([output.finish(), aborted(io.signal), aborted(io.fault)])
  return code
}

async function stopWhenAsked(job: JobProcess, { signal, fault }: Io, ended: AbortSignal): Promise<void> {
  const over = aborted(ended)
  await Promise.race([aborted(signal), aborted(fault), over])
  if (ended.aborted) return
  if (fault.aborted) {
    job.child.kill('SIGKILL')
    return over
  }
  const asked = askedSignal(signal)
  // Ctrl-C reached the command already when it shares our terminal.
  if (asked !== 'SIGINT' || !job.sharesTerminal) job.child.kill(asked)
  const timer = setTimeout(() => job.child.kill('SIGKILL'), graceMs)
  await Promise.race([aborted(fault), over])
  if (fault.aborted) job.child.kill('SIGKILL')
  await over
  clearTimeout(timer)
}

/** Which signal asked us to stop (main.ts). */
export function askedSignal({ reason }: AbortSignal): 'SIGHUP' | 'SIGINT' | 'SIGTERM' {
  return reason === 'SIGHUP' || reason === 'SIGINT' ? reason : 'SIGTERM'
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

function applyChanges(
  environment: Readonly<Record<string, string | undefined>>,
  changes: EnvironmentChanges,
): Readonly<Record<string, string | undefined>> {
  const changed: Record<string, string | undefined> = { ...environment }
  for (const [name, value] of Object.entries(changes)) changed[name] = value ?? undefined
  return changed
}
