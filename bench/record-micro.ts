// What one line of the record costs: nanoseconds of CPU per event, by step. Nothing is asserted; read the table.
//   node bench/record-micro.ts [EVENTS]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, cpuUsage, stdout } from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import type { FlowEvent, ProcessInfo } from '../gateway/record/event.ts'
import { JobLog } from '../gateway/record/job-log.ts'
import { lineHash, renderLine, zeroHash } from '../gateway/record/line.ts'
import { createLogFile } from '../gateway/record/log-file.ts'
import { openFlow } from '../gateway/record/open-flow.ts'
import { redactEvent } from '../gateway/record/redact.ts'

const events = Number(argv[2] ?? 200_000)
/** A busy proxy handles a few requests a turn of the event loop. */
const perTurn = 4

const process: ProcessInfo = {
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
    status: 200,
    verdict: 'allow',
    reason: 'rule',
    rule: 'allow[0] npm.acme.example',
    inspected: true,
    bytesSent: 0,
    bytesReceived: 18_231,
    durationMs: 12.345,
    process,
  }
}

async function measure(name: string, step: (index: number) => unknown): Promise<void> {
  const rounds: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const before = cpuUsage()
    for (let index = 0; index < events; index += 1) {
      step(index)
      if (index % perTurn === 0 && name.includes('log')) await turn()
    }
    const { user, system } = cpuUsage(before)
    rounds.push(((user + system) * 1_000) / events)
  }
  rounds.sort((a, b) => a - b)
  stdout.write(
    `${name.padEnd(46)} ${Math.round(rounds[1] ?? 0)
      .toLocaleString('en')
      .padStart(8)} ns\n`,
  )
}

const all = Array.from({ length: 1_024 }, (_, index) => sample(index))
const at = (index: number): FlowEvent => all[index % all.length] ?? sample(index)

await measure('open and dispose a flow', index => {
  using flow = openFlow(
    at(index),
    () => undefined,
    () => index,
  )
  flow.note({ status: 200, bytesReceived: 1 })
})
await measure('redact', index => redactEvent(at(index)))
await measure('render', index => renderLine(at(index), index, '"job"', zeroHash))
let prev = zeroHash
await measure('render and hash', index => {
  prev = lineHash(renderLine(at(index), index, '"job"', prev))
})
await measure('JSON.stringify of the same, for comparison', index => JSON.stringify(at(index)))

const dir = await mkdtemp(join(tmpdir(), 'tidegate-bench-'))
try {
  await measure('(log) only the turns', index => index)
  await using log = new JobLog({
    file: await createLogFile(dir),
    job: 'bench',
    now: () => Date.now(),
    observer: { written: () => undefined, failed: error => stdout.write(`${error.message}\n`) },
  })
  await measure('redact, render, hash, write to the log', index => log.write(redactEvent(at(index))))
} finally {
  await rm(dir, { recursive: true })
}
