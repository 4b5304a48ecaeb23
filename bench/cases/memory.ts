import { setTimeout as delay } from 'node:timers/promises'
import type { Contender } from '../contenders/contender.ts'
import { gatewayFamily, usageOf } from '../rig/process-tree.ts'
import { curlFormat, parseCurl, parseWrk } from '../rig/load.ts'
import { measure } from '../rig/measure.ts'
import { originName } from '../rig/rig.ts'
import type { Bench, Case } from './case.ts'

const url = `https://${originName}`
/** A gateway is at rest this long after its start: what that needed is given back, where a gateway does so. */
const restMs = 4_000
/** Slower than any gateway, so that one that does not hold back its origin shows it. */
const slowReader = '64M'

/** Resident memory of a gateway that was just started: at rest, while a slow reader takes 1 GiB, with 500 connections. */
export const memory: Case = {
  name: 'memory',
  isCold: true,
  async run(bench) {
    for (let round = 0; round < bench.rounds; round += 1) {
      for (const contender of bench.contenders.filter(({ protocols }) => protocols.includes('h1'))) {
        await bench.attempt(contender.name, ['memory.idle', 'memory.slow', 'memory.c500'], () =>
          oneTurn(bench, contender),
        )
      }
    }
  },
}

async function oneTurn(bench: Bench, contender: Contender): Promise<void> {
  const { rig, samples } = bench
  const size = rig.quick ? ['100m', '16M'] : ['1g', slowReader]
  await using running = await contender.open(rig)
  if (running.pid === undefined) return
  await running.takeTurn()
  await delay(restMs)
  const idle = usageOf(gatewayFamily(running.pid)).rssMiB
  samples.add('memory.idle', running.name, idle)

  const small = `curl -sS -o /dev/null --http1.1 -w "${curlFormat}" ${url}/1k`
  await measure(running, `for i in 1 2 3; do ${small}; done`, { tries: 1 })
  const before = usageOf(gatewayFamily(running.pid)).rssMiB
  const slow = `curl -sS -o /dev/null --http1.1 --limit-rate ${size[1]} -w "${curlFormat}" ${url}/${size[0]}`
  const transfer = await measure(running, slow, { watch: true, tries: 1 })
  if (parseCurl(transfer.output)[0]?.status !== 200) throw new Error(`the slow reader failed\n${transfer.output}`)
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
