// All benchmarks, Tidegate and its peers in the same run, taking turns: `make bench`, or see --help.
import { writeFile } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { bulk } from './cases/bulk.ts'
import type { Bench, Case } from './cases/case.ts'
import { dns } from './cases/dns.ts'
import { firstContact } from './cases/first-contact.ts'
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
import { openRig } from './rig/rig.ts'

const cases: readonly Case[] = [keepAlive, streams, handshakes, bulk, firstContact, memory, start, dns, policy, record]
const document = fileURLToPath(new URL('../docs/performance.md', import.meta.url))

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
  if (options.write) await writeResults(document, results)
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
  await using warm = new AsyncDisposableStack()
  const chosenContenders = contenders.filter(({ name }) => wanted?.includes(name) ?? true)
  let running: Promise<readonly (readonly [Contender, Running])[]> | undefined
  const openAll = async (): Promise<readonly (readonly [Contender, Running])[]> => {
    const all: (readonly [Contender, Running])[] = []
    for (const contender of chosenContenders) all.push([contender, warm.use(await contender.open(rig))])
    return all
  }
  const bench: Bench = {
    rig,
    samples,
    rounds,
    contenders: chosenContenders,
    say,
    running: () => (running ??= openAll()),
  }
  for (const one of chosen) {
    say(`# ${one.name}`)
    await one.run(bench)
  }
}

function describeRun(rounds: number): string {
  const typical = medianOf(noise) ?? 0
  return `Medians of ${rounds} rounds. Other work on the machine and its hypervisor took ${typical.toFixed(2)} cores while a figure was taken (median; the worst ${Math.max(0, ...noise).toFixed(2)}).`
}

process.exitCode = await main(process.argv.slice(2))
