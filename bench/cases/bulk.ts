import type { Running } from '../contenders/contender.ts'
import { curlFormat, parseCurl } from '../rig/load.ts'
import { measure } from '../rig/measure.ts'
import { originName } from '../rig/rig.ts'
import type { Bench, Case } from './case.ts'

const bytes = 104_857_600
const curl = `curl -sS -H Expect: -m 60 -w "${curlFormat}"`

/** Transfers of 100 MiB, one at a time. */
export const bulk: Case = {
  name: 'bulk',
  async run(bench) {
    const file = bench.rig.lab.file('bulk/www/100m')
    const url = `https://${originName}`
    const times = bench.rig.quick ? 1 : 3
    const commands = [
      ['bulk.down', 'h1', `${curl} --http1.1 -o /dev/null ${url}/100m`],
      ['bulk.up', 'h1', `${curl} --http1.1 -o /dev/null -T ${file} ${url}/up/bench`],
      ['bulk.h2down', 'h2', `${curl} --http2 -o /dev/null ${url}/100m`],
    ] as const
    // Asked for in each round: one that failed has been started anew.
    const speaking = async (protocol: 'h1' | 'h2'): Promise<readonly Running[]> =>
      (await bench.running()).filter(([{ protocols }]) => protocols.includes(protocol)).map(([, one]) => one)
    for (const [metric, protocol, command] of commands) {
      for (const one of await speaking(protocol))
        await bench.attempt(one.name, [], () => once(bench, one, metric, command, 1, false))
      for (let round = 0; round < bench.rounds; round += 1) {
        for (const one of await speaking(protocol)) {
          const metrics = one.pid === undefined ? [metric] : [metric, `${metric}.cpu`]
          await bench.attempt(one.name, metrics, () => once(bench, one, metric, command, times, true))
        }
      }
    }
  },
}

async function once(
  bench: Bench,
  running: Running,
  metric: string,
  command: string,
  times: number,
  counts: boolean,
): Promise<void> {
  await running.takeTurn()
  const all = `for i in $(seq ${times}); do ${command}; done; true`
  const { output, cpuSeconds } = await measure(running, all)
  const results = parseCurl(output)
  const broken = results.filter(({ status, bytes: got }) => ![200, 201, 204].includes(status) || got !== bytes)
  if (broken.length > 0) bench.say(`${running.name}: ${broken.length} of ${times} transfers broke: ${output.trim()}`)
  if (!counts) return
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0)
  const megabytes = (bytes * results.length) / 1e6
  if (broken.length > 0) throw new Error(`${broken.length} of ${times} transfers broke`)
  bench.samples.add(metric, running.name, megabytes / seconds)
  if (running.pid !== undefined) {
    bench.samples.add(`${metric}.cpu`, running.name, (cpuSeconds / megabytes) * 1_000)
  }
  bench.say(`${metric} ${running.name}: ${(megabytes / seconds).toFixed(0)} MB/s`)
}
