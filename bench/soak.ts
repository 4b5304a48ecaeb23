// Minutes of mixed load through one gateway, its memory and descriptors watched: `make soak`, `node bench/soak.ts --minutes 10`.
// Fails when memory grows without end, descriptors leak, the gateway ends, or its log is not intact.
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openTidegate, type RunningTidegate } from './contenders/tidegate.ts'
import { medianOf } from './report/samples.ts'
import { gatewayFamily, usageOf } from './rig/process-tree.ts'
import { openRig, originName } from './rig/rig.ts'

/** What memory may grow by between the second fifth of the run and the last, MiB: caches fill, and allocators keep. */
const allowedGrowthMiB = 24
/** Descriptors that may be open at rest beyond those of the start: idle connections to the origin. */
const allowedDescriptors = 64
const longest = 60

const url = `https://${originName}`
const curl = 'curl -sS -o /dev/null -m 20'

/** Each is repeated until the time is over; exit codes are theirs, as half of them are meant to fail. */
const loads = [
  `wrk -t1 -c24 -d2 ${url}/1k`,
  `h2load -c4 -m8 -D2 ${url}/1k`,
  `h2load --h1 -c40 -n200 ${url}/1k`,
  `${curl} --limit-rate 24M ${url}/100m`,
  `${curl} -m 0.2 ${url}/1g`,
  `head -c 20000000 /dev/zero | ${curl} -T - ${url}/up/soak`,
  `for i in 1 2 3 4 5 6 7 8 9; do ${curl} https://soak$i.${originName}/1k; ${curl} https://no$i.evil.test/; done`,
  `${curl} -X DELETE ${url}/nothing; ${curl} http://${originName}/1k; sleep 0.2`,
]

interface Reading {
  readonly rssMiB: number
  readonly descriptors: number
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { minutes: { type: 'string', default: '3' } } })
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= longest)) throw new Error(`--minutes is a number up to ${longest}`)
  await using rig = await openRig(false)
  const running = await openTidegate(rig)
  await running.takeTurn()
  const before = read(running)
  const { during, stopped } = await watch(running, minutes * 60)
  await delay(3_000)
  const after = read(running)
  await running[Symbol.asyncDispose]()
  const { exitCode, stdout } = await rig.lab.host.exec(running.program, ['verify', `${running.out}/egress.ndjson`], {
    timeoutMs: 120_000,
  })
  return conclude({ before, during, after, stopped, isIntact: exitCode === 0, verified: stdout.trim() })
}

/** Runs all loads side by side and reads the gateway every second. */
async function watch(running: RunningTidegate, seconds: number) {
  const loop = (load: string): string => `while [ $(date +%s) -lt $end ]; do ${load}; done >/dev/null 2>&1 &`
  const command = [`end=$(($(date +%s) + ${Math.round(seconds)}))`, ...loads.map(loop), 'wait'].join('\n')
  const over = new AbortController()
  const loading = running.shell.run(command, seconds * 1_000 + 90_000).finally(() => over.abort())
  const during: Reading[] = []
  let stopped: string | undefined
  loading.catch((cause: unknown) => (stopped = cause instanceof Error ? cause.message : String(cause)))
  while (!over.signal.aborted) {
    during.push(read(running))
    const { rssMiB, descriptors } = during.at(-1) ?? { rssMiB: 0, descriptors: 0 }
    if (during.length % 10 === 1)
      say(`${String(during.length).padStart(5)} s  ${rssMiB.toFixed(0)} MiB  ${descriptors} descriptors`)
    await delay(1_000)
  }
  return { during, stopped }
}

function read({ pid = 0 }: RunningTidegate): Reading {
  return { rssMiB: usageOf(gatewayFamily(pid).slice(0, 1)).rssMiB, descriptors: descriptorsOf(pid) }
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

interface Outcome {
  readonly before: Reading
  readonly during: readonly Reading[]
  readonly after: Reading
  /** Why the load could not go on. */
  readonly stopped: string | undefined
  readonly isIntact: boolean
  readonly verified: string
}

function conclude({ before, during, after, stopped, isIntact, verified }: Outcome): number {
  const fifth = Math.ceil(during.length / 5)
  const middle = (readings: readonly Reading[]): number => medianOf(readings.map(({ rssMiB }) => rssMiB)) ?? NaN
  const growth = middle(during.slice(-fifth)) - middle(during.slice(fifth, 2 * fifth))
  const most = Math.max(...during.map(({ rssMiB }) => rssMiB))
  const left = after.descriptors - before.descriptors
  const checks: readonly (readonly [string, boolean])[] = [
    [`the load ran to its end${stopped === undefined ? '' : `: ${stopped}`}`, stopped === undefined],
    [
      `memory: ${before.rssMiB.toFixed(0)} MiB at rest, ${most.toFixed(0)} at most, ${growth.toFixed(1)} more at the end than early on (at most ${allowedGrowthMiB})`,
      growth <= allowedGrowthMiB,
    ],
    [`descriptors: ${left} more at rest than before (at most ${allowedDescriptors})`, left <= allowedDescriptors],
    [`the log: ${verified}`, isIntact],
  ]
  for (const [text, holds] of checks) say(`${holds ? 'ok    ' : 'FAILED'}  ${text}`)
  return checks.every(([, holds]) => holds) ? 0 : 1
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

process.exitCode = await main(process.argv.slice(2))
