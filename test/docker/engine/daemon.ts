import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Room } from './room.ts'

/** How to start a daemon. */
export interface DaemonOptions {
  /** Folder of the engine: `data` and logs are in it. */
  readonly dir: string
  /** Where clients outside of the room find it; inside it is the usual /run/docker.sock. */
  readonly socketPath: string
  readonly cgroup: string
  readonly liveRestore: boolean
}

/** A running dockerd. The room owns it: it ends with the room at the latest. */
export interface Daemon {
  /** Ends it by a signal and waits; does nothing when it has ended. */
  end(signal: 'TERM' | 'KILL'): Promise<void>
}

/** Address ranges of bridges, away from whatever the lab or a job uses. */
const ranges = { bridge: '10.202.0.1/24', networks: 'base=10.203.0.0/16,size=24' }

const containerdSocket = '/run/containerd/containerd.sock'

/** Starts containerd in the room. Not left to dockerd, which would try too early and then wait for a whole second. */
export async function startContainerd(room: Room, dir: string): Promise<void> {
  const config = `${dir}/containerd.toml`
  writeFileSync(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
  const isOver = startLogged(
    room,
    ['containerd', `--config=${config}`, `--root=${dir}/data/containerd`, `--address=${containerdSocket}`],
    `${dir}/containerd.log`,
  )
  await waitFor(async () => accepts(`/proc/${room.firstPid}/root${containerdSocket}`), isOver, `${dir}/containerd.log`)
}

/** Starts dockerd in the room and waits until it answers. @throws Error with the end of its log when it does not within 30 s. */
export async function startDaemon(room: Room, options: DaemonOptions): Promise<Daemon> {
  const log = `${options.dir}/dockerd.log`
  const isOver = startLogged(room, ['dockerd', ...daemonArguments(options)], log)
  await waitFor(async () => answers(options.socketPath), isOver, log)
  return {
    async end(signal) {
      if (isOver()) return
      const { exitCode, stderr } = await room.exec(['sh', '-c', `kill -${signal} "$(cat /run/docker.pid)"`])
      if (exitCode !== 0) throw new Error(`dockerd was not ended: ${stderr}`)
      // Stopping in good order gives each container ten seconds.
      for (const deadline = Date.now() + 60_000; !isOver(); await delay(10))
        if (Date.now() > deadline) throw new Error(`dockerd does not end by ${signal}`)
      await room.exec(['rm', '-f', '/run/docker.pid'])
    },
  }
}

function daemonArguments({ dir, socketPath, cgroup, liveRestore }: DaemonOptions): string[] {
  return [
    `--data-root=${dir}/data`,
    // Else the machine's own /etc/docker/daemon.json would have a say.
    `--config-file=${dir}/daemon.json`,
    '--host=unix:///run/docker.sock',
    `--host=unix://${socketPath}`,
    `--containerd=${containerdSocket}`,
    `--cgroup-parent=/${cgroup}`,
    '--exec-opt=native.cgroupdriver=cgroupfs',
    `--bip=${ranges.bridge}`,
    `--default-address-pool=${ranges.networks}`,
    '--storage-driver=overlay2',
    '--init-path=/usr/bin/tini-static',
    '--log-level=warn',
    ...(liveRestore ? ['--live-restore'] : []),
  ]
}

/** Starts a program whose output goes to a file; tells whether it has ended. */
function startLogged(room: Room, args: readonly string[], path: string): () => boolean {
  const output = openSync(path, 'a')
  const child = room.spawn(args, output)
  closeSync(output)
  return () => child.exitCode !== null || child.signalCode !== null
}

async function waitFor(isThere: () => Promise<boolean>, isOver: () => boolean, log: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await isThere()); await delay(10))
    if (isOver() || Date.now() > deadline)
      throw new Error(`it did not start:\n${readFileSync(log, 'utf8').slice(-2_000)}`)
}

async function accepts(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    // Not there yet.
    return false
  } finally {
    socket.destroy()
  }
}

/** Whether dockerd takes requests: one that still starts lets them wait. */
async function answers(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  request({ socketPath, path: '/_ping', timeout: 30_000 }, response => {
    response.resume()
    resolve(response.statusCode === 200)
  })
    .on('error', () => resolve(false))
    .end()
  return promise
}
