import { readFile } from 'node:fs/promises'
import { openTidegate } from '../contenders/tidegate.ts'
import type { Case } from './case.ts'

/** From the start of `tidegate run` until the wire is proved, and until the command runs. */
export const start: Case = {
  name: 'start',
  isCold: true,
  async run(bench) {
    for (let round = 0; round < bench.rounds * 3; round += 1) {
      const before = Date.now()
      const running = await openTidegate(bench.rig, undefined, { pinned: false })
      const command = Date.now() - before
      await running[Symbol.asyncDispose]()
      const line = (await readFile(`${running.out}/egress.ndjson`, 'utf8'))
        .split('\n')
        .find(text => text.includes('"proved"'))
      const proved = Date.parse(/"time":"([^"]+)"/.exec(line ?? '')?.[1] ?? '') - before
      bench.samples.add('start.proved', 'tidegate', proved)
      bench.samples.add('start.command', 'tidegate', command)
      bench.say(`start: proved after ${proved} ms, command after ${command} ms`)
    }
  },
}
