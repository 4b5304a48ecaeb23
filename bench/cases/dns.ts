import { writeFile } from 'node:fs/promises'
import type { Contender, Running } from '../contenders/contender.ts'
import { allowedZone, dnsmasq, unbound } from '../contenders/dns.ts'
import { openTidegate, tidegate } from '../contenders/tidegate.ts'
import { parseDnsperf } from '../rig/load.ts'
import { measure } from '../rig/measure.ts'
import type { Rig } from '../rig/rig.ts'
import type { Bench, Case } from './case.ts'

/** Names of the tests that repeat theirs; a second is long enough for a gateway to see each again. */
const fewNames = 250
/** Names that are asked for once in a round. */
const manyNames = 2_500
/**
 * Asked for beforehand, so that the way outside is compiled. Tidegate takes 10,000 new questions at once, then 1,000 a second: what
 * these leave and what comes back during the turns in between is enough for the others.
 */
const warmNames = 4_000
const micro = 1_000_000
const kinds = ['denied', 'cached', 'forwarded'] as const

/**
 * CPU time for a question: refused, from the cache, and forwarded. Questions come as `getaddrinfo` asks them, A and AAAA of
 * each name. Resolvers are started anew in each round, so that what is forwarded was never seen.
 */
export const dns: Case = {
  name: 'dns',
  isCold: true,
  async run(bench) {
    const { lab } = bench.rig
    const { v4, v6 } = lab.addresses.bulk
    await lab.dns.set(`*.${allowedZone}`, 'A', [v4], { ttl: 300 })
    await lab.dns.set(`*.${allowedZone}`, 'AAAA', [v6], { ttl: 300 })
    const files = await writeQuestions(bench.rig)
    for (let round = 0; round < bench.rounds; round += 1) {
      for (const contender of [ours, dnsmasq, unbound]) {
        const metrics = kinds.flatMap(kind => [`dns.${kind}.cpu`, `dns.${kind}.rate`])
        await bench.attempt(contender.name, metrics, async () => {
          await using running = await contender.open(bench.rig)
          await running.takeTurn()
          await oneTurn(bench, running, files)
        })
        await lab.dns.clear()
      }
    }
  },
}

/** Tidegate with a policy that names each host: under a wildcard so many names would be taken for a tunnel. */
const ours: Contender = {
  ...tidegate,
  open: rig =>
    openTidegate(
      rig,
      `version: 1\nmode: block\nallow:\n${allNames()
        .map(name => `  - ${name}\n`)
        .join('')}`,
    ),
}

interface Files {
  readonly denied: string
  readonly cached: string
  readonly forwarded: string
  readonly warm: string
}

async function oneTurn(bench: Bench, running: Running, files: Files): Promise<void> {
  const seconds = bench.rig.quick ? 1 : 3
  const server = '192.0.2.53'
  const ask = (file: string, limits: string): string =>
    `dnsperf -s ${server} -d ${file} ${limits} -q 100 -c 8 -T 1 -t 2`
  const turns = [
    ['denied', ask(files.denied, `-l ${seconds}`), 'NXDOMAIN'],
    ['cached', ask(files.cached, `-l ${seconds}`), 'NOERROR'],
    ['forwarded', ask(files.forwarded, '-n 1'), 'NOERROR'],
  ] as const
  await measure(running, ask(files.denied, '-l 1'), { tries: 1 })
  await measure(running, ask(files.cached, '-l 1'), { tries: 1 })
  await measure(running, ask(files.warm, '-n 1'), { tries: 1 })
  for (const [kind, command, expected] of turns) {
    const { output, cpuSeconds } = await measure(running, command, { tries: 1 })
    const { completed, lost, perSecond, rcodes } = parseDnsperf(output)
    if (lost > completed / 100 || (rcodes[expected] ?? 0) < completed * 0.99) {
      const why = `${kind}: ${lost} of ${completed + lost} lost, ${JSON.stringify(rcodes)}`
      bench.say(`dns ${running.name}: ${why}`)
      for (const figure of ['cpu', 'rate']) bench.samples.fail(`dns.${kind}.${figure}`, running.name, why)
      continue
    }
    bench.samples.add(`dns.${kind}.cpu`, running.name, (cpuSeconds / completed) * micro)
    bench.samples.add(`dns.${kind}.rate`, running.name, perSecond)
    bench.say(
      `dns ${kind} ${running.name}: ${((cpuSeconds / completed) * micro).toFixed(1)} µs, ${perSecond.toFixed(0)}/s`,
    )
  }
}

function allNames(): readonly string[] {
  return [...namesOf('cached', fewNames), ...namesOf('warm', warmNames), ...namesOf('forwarded', manyNames)].map(
    name => `${name}.${allowedZone}`,
  )
}

function namesOf(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${kind}${index}`)
}

async function writeQuestions(rig: Rig): Promise<Files> {
  const folder = await rig.folder('dns')
  const write = async (kind: string, zone: string, count: number): Promise<string> => {
    const questions = namesOf(kind, count).map(name => `${name}.${zone} A\n${name}.${zone} AAAA\n`)
    await writeFile(`${folder}/${kind}.txt`, questions.join(''))
    return `${folder}/${kind}.txt`
  }
  return {
    denied: await write('denied', 'denied.test', fewNames),
    cached: await write('cached', allowedZone, fewNames),
    forwarded: await write('forwarded', allowedZone, manyNames),
    warm: await write('warm', allowedZone, warmNames),
  }
}
