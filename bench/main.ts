// All benchmarks, Tidegate and its peers in the same run, taking turns: `make bench`, or see --help.
import { writeFile } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { bulk } from './cases/bulk.ts'
import type { Bench, Case } from './cases/case.ts'
import { dns } from './cases/dns.ts'
import { firstContact } from './cases/first-contact.ts'
import { integrity } from './cases/integrity.ts'
import { jobs } from './cases/jobs.ts'
import { memory } from './cases/memory.ts'
import { policy } from './cases/policy.ts'
import { record } from './cases/record.ts'
import { handshakes, keepAlive, streams } from './cases/requests.ts'
import { start } from './cases/start.ts'
import { contenders, dnsContenders } from './contenders/all.ts'
import type { Contender, Running } from './contenders/contender.ts'
import { parseOptions, usage } from './options.ts'
import { writeResults } from './report/document.ts'
import { describeMachine } from './report/machine.ts'
import { medianOf, Samples } from './report/samples.ts'
import { renderTables } from './report/tables.ts'
import { judge } from './report/targets.ts'
import { noise } from './rig/measure.ts'
import { openRig, type Rig } from './rig/rig.ts'

/** What takes longest comes last. */
const cases: readonly Case[] = [
  keepAlive,
  streams,
  handshakes,
  bulk,
  firstContact,
  dns,
  start,
  policy,
  record,
  integrity,
  jobs,
  memory,
]
const document = fileURLToPath(new URL('../docs/performance.md', import.meta.url))

/** Aborted by Ctrl-C: what was measured so far is shown, and nothing is written. */
const ending = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort(new Error(name)))

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(usage)
    return 0
  }
  const options = parseOptions(
    args,
    process.env,
    cases.map(({ name }) => name),
  )
  const samples = new Samples()
  await measureAll(
    cases.filter(({ name }) => options.only?.includes(name) ?? true),
    samples,
    options,
  )

  const facts = await describeMachine([...contenders, ...dnsContenders])
  const results = [facts.map(fact => `- ${fact}`).join('\n'), describeRun(options.rounds), renderTables(samples)].join(
    '\n\n',
  )
  process.stdout.write(`${results}\n`)
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ facts, noise, samples }, undefined, 1)}\n`)
  if (options.write && !ending.signal.aborted) await writeResults(document, results)
  return judge(samples).every(({ holds }) => holds) ? 0 : 1
}

interface Run {
  readonly rounds: number
  readonly quick: boolean
  readonly contenders: readonly string[] | undefined
}

async function measureAll(
  chosen: readonly Case[],
  samples: Samples,
  { rounds, quick, contenders: wanted }: Run,
): Promise<void> {
  await using rig = await openRig(quick)
  const chosenContenders = contenders.filter(({ name }) => wanted?.includes(name) ?? true)
  await using warm = new WarmContenders(chosenContenders, rig)
  const bench: Bench = {
    rig,
    samples,
    rounds,
    contenders: chosenContenders,
    say,
    running: () => warm.all(),
    async attempt(contender, metrics, turn) {
      if (ending.signal.aborted) return
      const isDone = await attempt(samples, contender, metrics, turn)
      // It may never recover by itself, and every further turn of it would be lost.
      if (!isDone) await warm.renew(contender)
    },
  }
  for (const one of chosen) {
    if (ending.signal.aborted) break
    say(`# ${one.name}`)
    if (one.isCold === true) await warm[Symbol.asyncDispose]()
    await one.run(bench)
  }
}

type Warm = readonly [Contender, Running]

/** Contenders that are started when first needed and kept, so that they are measured warm; started again after they were ended. */
class WarmContenders implements AsyncDisposable {
  readonly #contenders: readonly Contender[]
  readonly #rig: Rig
  #all: Promise<Warm[]> | undefined

  constructor(contenders: readonly Contender[], rig: Rig) {
    this.#contenders = contenders
    this.#rig = rig
  }

  all(): Promise<Warm[]> {
    this.#all ??= this.#start()
    return this.#all
  }

  /** Starts one of them anew, in the place of the one that failed. */
  async renew(name: string): Promise<void> {
    const all = (await this.#all) ?? []
    const at = all.findIndex(([contender]) => contender.name === name)
    const failed = all[at]
    if (failed === undefined) return
    const [contender, running] = failed
    await running[Symbol.asyncDispose]()
    all[at] = [contender, await contender.open(this.#rig)]
  }

  async #start(): Promise<Warm[]> {
    await using opening = new AsyncDisposableStack()
    const all: Warm[] = []
    for (const contender of this.#contenders) all.push([contender, opening.use(await contender.open(this.#rig))])
    opening.move()
    return all
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = (await this.#all) ?? []
    this.#all = undefined
    for (const [, running] of all) await running[Symbol.asyncDispose]()
  }
}

/** True when the turn was done; else what is missing is noted. */
async function attempt(
  samples: Samples,
  contender: string,
  metrics: readonly string[],
  turn: () => Promise<void>,
): Promise<boolean> {
  const before = metrics.map(metric => samples.rounds(metric, contender))
  try {
    await turn()
    return true
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    say(`${contender}: ${why}`)
    for (const [index, metric] of metrics.entries()) {
      if (samples.rounds(metric, contender) === before[index]) samples.fail(metric, contender, firstLine(why))
    }
    return false
  }
}

/** Short enough for a footnote. */
function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] ?? ''
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}

function describeRun(rounds: number): string {
  const typical = medianOf(noise) ?? 0
  return `Medians of ${rounds} rounds. Other work on the machine and its hypervisor took ${typical.toFixed(2)} cores while a figure was taken (median; the worst ${Math.max(0, ...noise).toFixed(2)}).`
}

process.exitCode = await main(process.argv.slice(2))
