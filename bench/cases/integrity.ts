import { mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tidegate } from '../../test/e2e/behind.ts'
import { tarOf } from '../../test/lab/services/tar.ts'
import type { Rig } from '../rig/rig.ts'
import type { Bench, Case } from './case.ts'

/** Tracked files in each folder of the source tree. */
const tracked = 10
/** Files that a build writes into each folder. */
const written = 100

const plain = 'version: 1\nmode: block\nallow: []\n'
const policies = { plain, integrity: `${plain}integrity: { workspace: WORKSPACE }\n` } as const
type Watching = keyof typeof policies

/** Where the files go: `apart`, a folder of outputs; `among`, each beside tracked sources. Both are ignored by git. */
const places = { apart: 'out', among: 'src' } as const

/** In memory the writing is all there is; on disk it is what builds know, and a tenth of it takes as long. */
const disks = {
  memory: { base: '/dev/shm', folders: 1_000 },
  disk: { base: tmpdir(), folders: 100 },
} as const

/**
 * What watching the sources costs a build: how long a job takes to write files of 1 KiB (tar, which does nothing else), and the
 * CPU that it uses, with `integrity` and without, taking turns. What the watching thread uses beside the job is not in it.
 */
export const integrity: Case = {
  name: 'integrity',
  isCold: true,
  async run(bench) {
    for (const [disk, { base, folders }] of Object.entries(disks)) {
      const count = bench.rig.quick ? folders / 10 : folders
      await using archives = await mkdtempDisposable(join(disks.memory.base, 'tidegate-bench-'))
      await makeArchives(archives.path, count)
      await using folder = await mkdtempDisposable(join(base, 'tidegate-bench-'))
      const workspace = await makeWorkspace(bench.rig, folder.path, count)
      // On disk who goes second is slower, as what the first wrote is still being freed: each is second as often as first.
      for (let round = 0; round < bench.rounds + (bench.rounds % 2); round += 1)
        for (const place of ['apart', 'among'] as const) {
          const archive = join(archives.path, `${place}.tar`)
          const turns: readonly Watching[] = round % 2 === 0 ? ['plain', 'integrity'] : ['integrity', 'plain']
          for (const watching of turns)
            await oneTurn(bench, { metric: `integrity.${disk}.${place}`, workspace, archive, watching })
        }
    }
  },
}

/** What is written, as tar takes it: from memory, so that nothing but the writing is measured. */
async function makeArchives(base: string, count: number): Promise<void> {
  const content = `${'x'.repeat(1_023)}\n`
  const files = Array.from({ length: written }, (_, at) => `${at}.o`)
  for (const [place, folder] of Object.entries(places)) {
    const all = Array.from({ length: count }, (_, at) => `${folder}/${at}`)
    const packed = tarOf(all.flatMap(path => files.map(name => ({ path: `${path}/${name}`, content }))))
    await writeFile(join(base, `${place}.tar`), packed)
  }
}

/** A repository with one commit. */
async function makeWorkspace(rig: Rig, base: string, count: number): Promise<string> {
  const workspace = join(base, 'workspace')
  await mkdir(workspace)
  await writeFile(join(workspace, '.gitignore'), '*.o\n')
  for (let at = 0; at < count; at += 1) {
    await mkdir(join(workspace, `src/${at}`), { recursive: true })
    for (let file = 0; file < tracked; file += 1)
      await writeFile(join(workspace, `src/${at}/${file}.c`), `int f_${at}_${file};\n`)
  }
  await command(
    rig.lab,
    workspace,
    'git init -q && git add -A && git -c user.name=b -c user.email=b@example.com commit -qm b',
  )
  return workspace
}

interface Turn {
  readonly metric: string
  readonly workspace: string
  readonly archive: string
  readonly watching: Watching
}

async function oneTurn(bench: Bench, turn: Turn): Promise<void> {
  const { metric, watching } = turn
  await bench.attempt(watching, [metric, `${metric}.cpu`], async () => {
    const { seconds, cpu } = await writeAll(bench.rig, turn)
    bench.samples.add(metric, watching, seconds)
    bench.samples.add(`${metric}.cpu`, watching, cpu)
    bench.say(`${metric}, ${watching}: ${seconds.toFixed(2)} s, CPU ${cpu.toFixed(2)} s`)
  })
}

/** The time that the writing took and the CPU that it used, in seconds, as the job's own shell has them. */
async function writeAll(
  { lab }: Rig,
  { workspace, archive, watching }: Turn,
): Promise<{ readonly seconds: number; readonly cpu: number }> {
  const base = join(workspace, '..')
  const [policy, took, record] = [join(base, 'policy.yaml'), join(base, 'took'), join(base, 'record')]
  await writeFile(policy, policies[watching].replace('WORKSPACE', workspace))
  // It runs a while first, as a build does whose checkout is complete.
  const script = `sleep 0.5; a=$(date +%s%N); tar -xf ${archive}; b=$(date +%s%N); { echo $((b - a)); times; } >${took}`
  const { exitCode, stderr } = await lab.host.exec(
    tidegate,
    ['run', '--policy', policy, '--out', record, '--', 'sh', '-ec', script],
    { cwd: workspace, timeoutMs: 180_000 },
  )
  if (exitCode !== 0) throw new Error(`tidegate run: exit ${exitCode}\n${stderr}`)
  await command(lab, workspace, `rm -rf ${record} out; find src -name '*.o' -delete; sync`)
  const [nanoseconds, , children = ''] = (await readFile(took, 'utf8')).split('\n')
  // times of POSIX: user and system of the children, such as 0m0.05s 0m1.45s.
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  )
  return { seconds: Number(nanoseconds) / 1e9, cpu: parts.reduce((sum, part) => sum + part, 0) }
}

async function command(lab: Rig['lab'], cwd: string, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.host.exec('sh', ['-ec', script], { cwd, timeoutMs: 180_000 })
  if (exitCode !== 0) throw new Error(`${script}: ${stderr}`)
}
