import { setTimeout as delay } from 'node:timers/promises'
import { gatewayFamily, usageOf } from '../rig/process-tree.ts'
import { curlFormat, parseCurl, parseWrk } from '../rig/load.ts'
import { measure } from '../rig/measure.ts'
import { originName } from '../rig/rig.ts'
import type { Case } from './case.ts'

const url = `https://${originName}`
/** Slower than any gateway, so that one that does not hold back its origin shows it. */
const slowReader = '64M'

/** Resident memory of a gateway that was just started: at rest, while a slow reader takes 1 GiB, with 500 connections. */
export const memory: Case = {
  name: 'memory',
  async run(bench) {
    const { rig, samples } = bench
    const size = rig.quick ? ['100m', '16M'] : ['1g', slowReader]
    for (let round = 0; round < bench.rounds; round += 1) {
      for (const contender of bench.contenders.filter(({ protocols }) => protocols.includes('h1'))) {
        await using running = await contender.open(rig)
        if (running.pid === undefined) continue
        await running.takeTurn()
        await delay(1_000)
        const idle = usageOf(gatewayFamily(running.pid)).rssMiB
        samples.add('memory.idle', running.name, idle)

        const small = `curl -sS -o /dev/null --http1.1 -w "${curlFormat}" ${url}/1k`
        await measure(running, `for i in 1 2 3; do ${small}; done`, { tries: 1 })
        const before = usageOf(gatewayFamily(running.pid)).rssMiB
        const slow = `curl -sS -o /dev/null --http1.1 --limit-rate ${size[1]} -w "${curlFormat}" ${url}/${size[0]}`
        const transfer = await measure(running, slow, { watch: true, tries: 1 })
        if (parseCurl(transfer.output)[0]?.status !== 200) throw new Error(`${running.name}: ${transfer.output}`)
        samples.add('memory.slow', running.name, transfer.peakMiB - before)

        const many = await measure(running, `wrk -t1 -c500 -d${rig.quick ? 2 : 5} --latency --timeout 10s ${url}/1k`, {
          watch: true,
          tries: 1,
        })
        samples.add('memory.c500', running.name, many.peakMiB)
        const { bad } = parseWrk(many.output)
        bench.say(
          `memory ${running.name}: idle ${idle.toFixed(0)}, slow reader +${(transfer.peakMiB - before).toFixed(0)}, 500 connections ${many.peakMiB.toFixed(0)} MiB${bad > 0 ? `, ${bad} bad answers` : ''}`,
        )
      }
    }
  },
}
