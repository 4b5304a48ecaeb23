import type { Contender } from '../contenders/contender.ts'
import { medianOf } from '../report/samples.ts'
import { curlFormat, parseCurl } from '../rig/load.ts'
import { measure } from '../rig/measure.ts'
import { originName } from '../rig/rig.ts'
import type { Bench, Case } from './case.ts'

/** Names asked for in one round, each for the first time. */
const names = 8

/**
 * A gateway that was just started, and names it has never seen: the resolver's answer, two handshakes, a certificate, cold
 * code. What a build waits for at each new host.
 */
export const firstContact: Case = {
  name: 'first',
  isCold: true,
  async run(bench) {
    for (let round = 0; round < bench.rounds; round += 1) {
      for (const contender of bench.contenders.filter(({ protocols }) => protocols.includes('h1'))) {
        await bench.attempt(contender.name, ['first.median', 'first.worst'], () => oneTurn(bench, contender))
      }
    }
  },
}

async function oneTurn(bench: Bench, contender: Contender): Promise<void> {
  await using running = await contender.open(bench.rig)
  await running.takeTurn()
  const command = Array.from({ length: names }, (_, index) => curl(`first${index}`)).join('; ')
  const { output } = await measure(running, `${command}; true`, { tries: 1 })
  const results = parseCurl(output)
  const good = results.filter(({ status }) => status === 200)
  if (good.length < names) throw new Error(`${names - good.length} of ${names} first contacts failed\n${output}`)
  const milliseconds = good.map(({ seconds }) => seconds * 1_000)
  bench.samples.add('first.median', running.name, medianOf(milliseconds) ?? NaN)
  bench.samples.add('first.worst', running.name, Math.max(...milliseconds))
  bench.say(`first contact ${running.name}: ${milliseconds.map(ms => ms.toFixed(1)).join(' ')} ms`)
}

function curl(name: string): string {
  return `curl -sS -4 --http1.1 -o /dev/null -w "${curlFormat}" https://${name}.${originName}/1k`
}
