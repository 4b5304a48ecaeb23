import { setImmediate as turn } from 'node:timers/promises'
import type { FlowEvent, ProcessInfo } from '../../gateway/record/event.ts'
import { JobLog } from '../../gateway/record/job-log.ts'
import { createLogFile } from '../../gateway/record/log-file.ts'
import { openRecordFolder } from '../../gateway/record/record-folder.ts'
import { openFlow } from '../../gateway/record/open-flow.ts'
import { redactEvent } from '../../gateway/record/redact.ts'
import type { Case } from './case.ts'

const events = 100_000
/** A busy gateway handles a few requests a turn of the event loop. */
const perTurn = 4

/** Nanoseconds of CPU for one line of the record: opened, redacted, rendered, hashed, written. */
export const record: Case = {
  name: 'record',
  async run(bench) {
    for (let round = 0; round < bench.rounds; round += 1) {
      const turnsAlone = await measure(() => undefined)
      await using folder = await openRecordFolder(await bench.rig.folder(`record-${round}`))
      const { file, reader } = await createLogFile(folder)
      await reader.close()
      await using log = new JobLog({
        file,
        job: 'bench',
        now: () => Date.now(),
        observer: { written: () => undefined, failed: error => bench.say(error.message) },
      })
      const withLog = await measure(index => {
        const { startedAt, ...facts } = sample(index)
        using flow = openFlow(
          facts,
          event => log.write(redactEvent(event)),
          () => startedAt,
        )
        flow.note({ status: 200 })
      })
      bench.samples.add('record.ns', 'tidegate', withLog - turnsAlone)
      bench.say(`a line of the record: ${(withLog - turnsAlone).toFixed(0)} ns`)
    }
  },
}

async function measure(step: (index: number) => void): Promise<number> {
  const before = process.cpuUsage()
  for (let index = 0; index < events; index += 1) {
    step(index)
    if (index % perTurn === 0) await turn()
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / events
}

const client: ProcessInfo = {
  pid: 4242,
  exe: '/usr/bin/node',
  command: 'node /usr/bin/npm install --no-audit',
  uid: 1000,
  parents: ['/usr/bin/dash', '/usr/bin/tini'],
}

function sample(index: number): FlowEvent {
  return {
    layer: 'http',
    startedAt: 1_000_000_000_000 + index / 20,
    flow: `f-${index.toString(36)}`,
    host: 'npm.acme.example',
    address: '203.0.113.7',
    port: 443,
    protocol: 'http/1.1',
    method: 'GET',
    path: `/@scope%2fpackage/-/package-${index % 977}.tgz`,
    verdict: 'allow',
    reason: 'rule',
    rule: 'allow[0] npm.acme.example',
    inspected: true,
    process: client,
  }
}
