import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter } from 'node:path'
import { places } from './places.ts'

/** What an engine and its client need to find their programs. */
export interface Programs {
  /** Value of PATH for the daemon and the client. */
  readonly path: string
  /** Folder of the client's plugins when it is not one that the client looks into by itself. */
  readonly plugins: string | undefined
}

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Folders where a client looks for plugins by itself. */
const knownPluginFolders = [
  '/usr/local/lib/docker/cli-plugins',
  '/usr/local/libexec/docker/cli-plugins',
  '/usr/lib/docker/cli-plugins',
  '/usr/libexec/docker/cli-plugins',
]

/** The oldest engine whose behaviour the tests rely on: the image store, events and BuildKit of Docker 24. */
const oldestEngine = 24

/** The programs that setup has unpacked, else the machine's own when they are new enough; `undefined` when there are none. */
export function findPrograms(): Programs | undefined {
  const unpacked = places.programs
  if (existsSync(`${unpacked}/bin/dockerd`))
    return { path: `${unpacked}/bin${delimiter}${systemPath}`, plugins: `${unpacked}/cli-plugins` }
  if (!onPath('docker') || !onPath('containerd') || engineVersion() < oldestEngine) return undefined
  const plugins = ['docker-compose', 'docker-buildx']
  return plugins.every(plugin => knownPluginFolders.some(folder => existsSync(`${folder}/${plugin}`)))
    ? { path: systemPath, plugins: undefined }
    : undefined
}

/** Whether a program is there, as a shell would find it. */
export function onPath(name: string, path = systemPath): boolean {
  return path.split(delimiter).some(folder => existsSync(`${folder}/${name}`))
}

function engineVersion(): number {
  if (!onPath('dockerd')) return 0
  const said = execFileSync('dockerd', ['--version'], { encoding: 'utf8', env: { PATH: systemPath } })
  return Number(/version (\d+)\./.exec(said)?.[1] ?? 0)
}
