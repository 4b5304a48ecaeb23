import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { endWithUs } from '../servers/parent-watch.ts'

/** A program that serves on an address of the lab. */
export interface Daemon {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** It is ready when this accepts a connection. */
  readonly address: string
  readonly port: number
  /** Default 20,000. */
  readonly startTimeoutMs?: number
}

/** Starts a program and waits until it accepts connections; it ends with this process. Returns its pid. */
export async function startDaemon(daemon: Daemon): Promise<number> {
  const child = endWithUs(
    spawn(daemon.file, daemon.args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...daemon.env } }),
  )
  let said = ''
  child.stderr?.on('data', piece => (said = (said + String(piece)).slice(-4_096)))
  let failure: string | undefined
  child.once('error', cause => (failure = cause.message))
  child.once('exit', code => (failure = `exit ${code}`))
  const deadline = Date.now() + (daemon.startTimeoutMs ?? 20_000)
  while (!(await accepts(daemon.address, daemon.port))) {
    if (failure !== undefined || Date.now() > deadline)
      throw new Error(`${daemon.file} did not start: ${failure ?? 'too late'}: ${said}`)
    await delay(15)
  }
  return child.pid ?? 0
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port })
  const connected = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false)
  socket.on('error', () => {}).destroy()
  return connected
}
