import type { Contender, Running } from '../contenders/contender.ts'
import { parseH2load, parseWrk } from '../rig/load.ts'
import { measure } from '../rig/measure.ts'
import { originName } from '../rig/rig.ts'
import type { Bench, Case } from './case.ts'

const url = `https://${originName}/1k`
const micro = 1_000_000

/**
 * Calls `turn` for each contender that speaks `protocol`, round after round, each time with its traffic steered to it.
 * `metrics`: what a turn adds; those that end in `cpu` only where there is a gateway.
 */
async function takeTurns(
  bench: Bench,
  protocol: 'h1' | 'h2',
  metrics: readonly string[],
  turn: (running: Running, contender: Contender) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < bench.rounds; round += 1) {
    // Asked for in each round: one that failed has been started anew.
    for (const [contender, running] of await bench.running()) {
      if (!contender.protocols.includes(protocol)) continue
      const own = metrics.filter(metric => running.pid !== undefined || !metric.endsWith('cpu'))
      await bench.attempt(running.name, own, async () => {
        await running.takeTurn()
        await turn(running, contender)
      })
    }
  }
}

/** Requests of 1 KiB on kept connections, few and many. */
export const keepAlive: Case = {
  name: 'h1',
  async run(bench) {
    const { samples, rig } = bench
    const seconds = rig.quick ? 1 : 3
    const turn = async (running: Running, connections: number): Promise<void> => {
      const command = `wrk -t1 -c${connections} -d${seconds} --latency --timeout 10s ${url}`
      const { output, cpuSeconds } = await measure(running, command)
      const { requests, perSecond, p99Ms, bad } = parseWrk(output)
      const key = `h1.c${connections}`
      if (bad > requests / 1_000)
        bench.say(`${running.name}: ${bad} of ${requests} went wrong at ${connections} connections`)
      if (requests === 0) throw new Error(`no request was answered at ${connections} connections`)
      samples.add(`${key}.rate`, running.name, perSecond)
      samples.add(`${key}.p99`, running.name, p99Ms)
      if (running.pid !== undefined) samples.add(`${key}.cpu`, running.name, (cpuSeconds / requests) * micro)
      bench.say(`h1 c=${connections} ${running.name}: ${perSecond.toFixed(0)}/s`)
    }
    await warm(bench, 'h1', `wrk -t1 -c16 -d2 ${url}`)
    for (const connections of [1, 32, 500]) {
      const metrics = ['rate', 'p99', 'cpu'].map(figure => `h1.c${connections}.${figure}`)
      await takeTurns(bench, 'h1', metrics, running => turn(running, connections))
    }
  },
}

/** Requests of 1 KiB as streams of four HTTP/2 connections. */
export const streams: Case = {
  name: 'h2',
  async run(bench) {
    const { samples, rig } = bench
    await warm(bench, 'h2', `h2load -c4 -m8 -D2 ${url}`)
    await takeTurns(bench, 'h2', ['h2.rate', 'h2.cpu'], async running => {
      const { output, cpuSeconds } = await measure(running, `h2load -c4 -m8 -D${rig.quick ? 1 : 3} ${url}`)
      const { answered, failed, perSecond, protocol } = parseH2load(output)
      if (protocol !== 'h2' || failed > 0) bench.say(`${running.name}: ${protocol}, ${failed} failed`)
      if (answered === 0) throw new Error('no request was answered')
      samples.add('h2.rate', running.name, perSecond)
      if (running.pid !== undefined) samples.add('h2.cpu', running.name, (cpuSeconds / answered) * micro)
      bench.say(`h2 ${running.name}: ${perSecond.toFixed(0)}/s`)
    })
  },
}

/** Connections that carry one request each: what a new handshake with the job's client costs. */
export const handshakes: Case = {
  name: 'handshakes',
  async run(bench) {
    const { samples, rig } = bench
    const bursts = rig.quick ? 4 : 10
    const each = 60
    const command = `for i in $(seq ${bursts}); do h2load --h1 -c${each} -n${each} ${url}; done`
    await warm(bench, 'h1', `h2load --h1 -c${each} -n${each} ${url}`)
    await takeTurns(bench, 'h1', ['handshakes.rate', 'handshakes.cpu'], async running => {
      const { output, cpuSeconds, wallSeconds } = await measure(running, command)
      const answered = output
        .split('starting benchmark')
        .slice(1)
        .reduce((sum, report) => sum + parseH2load(report).answered, 0)
      if (answered < bursts * each) bench.say(`${running.name}: ${bursts * each - answered} handshakes failed`)
      if (answered === 0) throw new Error('no handshake was finished')
      samples.add('handshakes.rate', running.name, answered / wallSeconds)
      if (running.pid !== undefined) samples.add('handshakes.cpu', running.name, (cpuSeconds / answered) * micro)
      bench.say(`handshakes ${running.name}: ${(answered / wallSeconds).toFixed(0)}/s`)
    })
  },
}

/** Once each, unmeasured: code is compiled, pools are filled, certificates are made. */
async function warm(bench: Bench, protocol: 'h1' | 'h2', command: string): Promise<void> {
  for (const [{ protocols }, running] of await bench.running()) {
    if (!protocols.includes(protocol)) continue
    await bench.attempt(running.name, [], async () => {
      await running.takeTurn()
      await measure(running, command, { tries: 1 })
    })
  }
}
