import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Lab } from '../../lab/lab.ts'
import type { Finished, ProgramOptions } from '../../lab/program.ts'
import { startContainerd, startDaemon } from './daemon.ts'
import { baseTemplate, images } from './base-images.ts'
import { cgroupOf, folderOf, register, registerFirst, remove, sweep } from './leftovers.ts'
import { findPrograms } from './programs.ts'
import { openRoom } from './room.ts'
import { fillDataFolder } from './templates.ts'

/** How to run a client; the time limit is 120,000 ms unless said otherwise, and nothing of the test's environment is inherited. */
export type ClientOptions = ProgramOptions

/** A Docker engine whose world is a lab. Disposing it removes every trace; if its owner dies first, the next engine does. */
export interface Engine extends AsyncDisposable {
  readonly id: string
  /** Where clients outside find it. Containers may mount /var/run/docker.sock, as on any machine. */
  readonly socketPath: string
  /** Its data folder. */
  readonly data: string
  /** What a Docker client needs in its environment: DOCKER_HOST, DOCKER_CONFIG, PATH, HOME. */
  readonly env: Readonly<Record<string, string>>
  /** Names of the images that are there from the start. */
  readonly images: typeof images
  /** Runs `docker …`, in the lab host's network. Never rejects because of an exit code. */
  docker(args: readonly string[], options?: ClientOptions): Promise<Finished>
  /** Runs `docker compose …` in a folder with a compose file. */
  compose(dir: string, args: readonly string[], options?: ClientOptions): Promise<Finished>
  /** Ends the daemon: in good order (TERM), or as a crash would (KILL). What becomes of containers: see `liveRestore`. */
  stop(signal?: 'TERM' | 'KILL'): Promise<void>
  /** Starts it again, on the same data. */
  start(): Promise<void>
  /** What the daemon said so far, warnings and worse. */
  log(): string
}

/** What to start with. */
export interface EngineOptions {
  /** Folder of the template to begin with; `null`: begin without images. Default: the base images. */
  readonly template?: string | null
  /** Containers go on running while the daemon is away; else it ends them, when it goes or at the latest when it comes back. Default false. */
  readonly liveRestore?: boolean
  /** Whether containers can be shown what is mounted in /run later. Default `shared`. */
  readonly mounts?: 'shared' | 'private'
}

/** Opens an engine in `lab.host` in about a second. The caller owns it, and disposes it before the lab: `await using engine = await openEngine(lab)`. */
export async function openEngine(lab: Lab, options: EngineOptions = {}): Promise<Engine> {
  const programs = findPrograms()
  if (programs === undefined) throw new Error('there is no Docker engine here: run make setup-docker')
  await sweep()
  const id = randomBytes(4).toString('hex')
  let belongings = register(id)
  await using opening = new AsyncDisposableStack()
  opening.defer(async () => remove(belongings))

  const dir = folderOf(id)
  const data = `${dir}/data`
  mkdirSync(data)
  const template = options.template === undefined ? baseTemplate() : options.template
  if (template !== null) await fillDataFolder(data, template)
  mkdirSync(`${dir}/client`)
  writeFileSync(`${dir}/daemon.json`, '{}')
  if (programs.plugins !== undefined) symlinkSync(programs.plugins, `${dir}/client/cli-plugins`)

  const room = opening.use(
    await openRoom(lab.host, { PATH: programs.path, HOME: '/nonexistent', LANG: 'C.UTF-8' }, options.mounts),
  )
  belongings = registerFirst(belongings, room.firstPid)
  // Not below `dir`: a socket's path may have no more than 107 bytes, and the repository may lie deep.
  const socketPath = `${lab.dir}/docker-${id}.sock`
  const daemonOptions = { dir, socketPath, cgroup: cgroupOf(id), liveRestore: options.liveRestore ?? false }
  await startContainerd(room, dir)
  let daemon = await startDaemon(room, daemonOptions)

  const env = {
    PATH: programs.path,
    HOME: `${dir}/client`,
    LANG: 'C.UTF-8',
    DOCKER_CONFIG: `${dir}/client`,
    DOCKER_HOST: `unix://${socketPath}`,
  }
  const docker: Engine['docker'] = async (args, clientOptions = {}) =>
    lab.host.exec('docker', args, {
      timeoutMs: 120_000,
      ...clientOptions,
      env: { ...env, ...clientOptions.env },
      bare: true,
    })
  const owned = opening.move()
  return {
    id,
    socketPath,
    data,
    env,
    images,
    docker,
    compose: async (folder, args, clientOptions = {}) =>
      docker(['compose', ...args], { ...clientOptions, cwd: folder }),
    stop: async (signal = 'TERM') => daemon.end(signal),
    async start() {
      daemon = await startDaemon(room, daemonOptions)
    },
    log: () => readFileSync(`${dir}/dockerd.log`, 'utf8'),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  }
}
