import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { cores, originName, type Rig } from '../rig/rig.ts'
import { Shell } from '../rig/shell.ts'
import { giveTurn } from '../rig/turns.ts'
import type { Contender, Running } from './contender.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What a job's policy looks like; the origin is reached by the last lines. */
export const buildPolicy = `version: 1
mode: block
use: [azure-pipelines-agent, nuget, docker-hub]
allow:
  - ${originName}
  - "*.${originName}"
forbid:
  - "**.evil.test"
`

/** A gateway of ours whose job is a shell. */
export interface RunningTidegate extends Running {
  /** Where its record is. */
  readonly out: string
  /** `bin/tidegate` */
  readonly program: string
}

let opened = 0

/** Starts `tidegate run -- sh` as a user would: wire, policy, log and attribution are all on. */
export async function openTidegate(rig: Rig, policy = buildPolicy, { pinned = true } = {}): Promise<RunningTidegate> {
  opened += 1
  const folder = await rig.folder(`tidegate-${opened}`)
  await writeFile(`${folder}/policy.yaml`, policy)
  const options = ['--policy', `${folder}/policy.yaml`, '--out', `${folder}/out`, '--job', 'bench']
  const allowed = pinned ? cores.gateway : `${cores.gateway},${cores.load}`
  const command = ['-c', allowed, ...program(), 'run', ...options, '--', 'sh']
  const shell = new Shell(rig.lab.host.spawn('taskset', command, { stdio: 'pipe' }))
  // It answers, so the command runs.
  await shell.run('true')
  return {
    name: 'tidegate',
    pid: shell.pid,
    shell,
    out: `${folder}/out`,
    program: `${root}bin/tidegate`,
    async takeTurn() {
      giveTurn(undefined)
      await rig.steer({})
      // As for all others one authority, not the bundle with the system's: reading that costs curl 25 ms a time.
      await shell.run('export CURL_CA_BUNDLE=/run/tidegate/ca.crt')
    },
    [Symbol.asyncDispose]: () => shell[Symbol.asyncDispose](),
  }
}

/** The program; with TIDEGATE_BENCH_NODE (e.g. `--cpu-prof --cpu-prof-dir=/tmp/profiles`) under these options of Node. */
function program(): readonly string[] {
  const options = process.env['TIDEGATE_BENCH_NODE']
  if (options === undefined) return [`${root}bin/tidegate`]
  return [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    ...options.split(' '),
    `${root}bin/load.mjs`,
    'gateway/main.ts',
  ]
}

export const tidegate: Contender = {
  name: 'tidegate',
  protocols: ['h1', 'h2', 'dns'],
  async version() {
    const manifest: unknown = JSON.parse(await readFile(`${root}package.json`, 'utf8'))
    const isNamed = typeof manifest === 'object' && manifest !== null && 'version' in manifest
    return isNamed ? String(manifest.version) : 'unknown'
  },
  open: rig => openTidegate(rig),
}
