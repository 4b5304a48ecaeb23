import * as fc from 'fast-check'
import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { flowEvents } from './arbitrary-event.ts'
import { checkText } from './check-text.ts'
import { writeLog } from './write-log.ts'

const event = (index: number): FlowEvent => ({
  layer: 'dns',
  startedAt: index,
  host: `n${index}.example.com`,
  verdict: 'deny',
  reason: 'no-rule',
})
const whole = await writeLog([event(0), event(1), event(2), event(3)])
const lines = whole.split('\n').slice(0, -1)
const joined = (parts: readonly string[]): string => parts.map(line => `${line}\n`).join('')
const swap = (from: string, to: string, at: number): string =>
  joined(lines.map((line, index) => (index === at ? line.replace(from, to) : line)))

const cases: readonly [string, string, object][] = [
  ['a log as it was written is sealed', whole, { state: 'sealed', lines: 5 }],
  ['a changed value is found in its line', swap('n1', 'n9', 1), { state: 'broken', fault: 'changed', line: 2 }],
  ['a changed first line is found', swap('n0', 'n9', 0), { state: 'broken', fault: 'changed', line: 1 }],
  [
    'a changed hash is found in the line that holds it',
    swap('"prev":"', '"prev":"0', 2),
    { state: 'broken', fault: 'changed', line: 3 },
  ],
  ['the line before the seal too', swap('n3', 'n9', 3), { state: 'broken', fault: 'changed', line: 4 }],
  [
    'a changed total is found in the seal',
    swap('"deny":0', '"deny":1', 4),
    { state: 'broken', fault: 'seal', line: 5 },
  ],
  [
    'a removed line is found where it is missing',
    joined(lines.toSpliced(2, 1)),
    { state: 'broken', fault: 'sequence', line: 3 },
  ],
  ['a removed first line too', joined(lines.slice(1)), { state: 'broken', fault: 'sequence', line: 1 }],
  [
    'a doubled line is found at the copy',
    joined(lines.toSpliced(2, 0, lines[1] ?? '')),
    { state: 'broken', fault: 'sequence', line: 3 },
  ],
  [
    'lines in another order are found at the first',
    joined(lines.with(1, lines[2] ?? '').with(2, lines[1] ?? '')),
    { state: 'broken', fault: 'sequence', line: 2 },
  ],
  ['a line after the seal is found', `${whole}${lines[4]}\n`, { state: 'broken', fault: 'after-seal', line: 6 }],
  [
    'text that is no line is found',
    joined(lines.toSpliced(1, 0, 'hello')),
    { state: 'broken', fault: 'unreadable', line: 2 },
  ],
  ['a log without its last line is unsealed', joined(lines.slice(0, -1)), { state: 'unsealed', line: 4 }],
  ['a log that was cut in a line is unsealed, at that line', whole.slice(0, -100), { state: 'unsealed', line: 5 }],
  ['a seal without its line feed is cut too', whole.slice(0, -1), { state: 'unsealed', line: 5 }],
  ['an empty log is unsealed', '', { state: 'unsealed', lines: 0 }],
]
for (const [name, text, expected] of cases) {
  await t.test(`ChainChecker: ${name}`, async t => {
    t.match(checkText(text), expected)
  })
}

const logs = fc.array(flowEvents, { minLength: 1, maxLength: 8 })

await t.test('ChainChecker: any sequence of events is written as a log that holds', async t => {
  await fc.assert(
    fc.asyncProperty(logs, async events => {
      const status = checkText(await writeLog(events))
      return status.state === 'sealed' && status.lines === events.length + 1
    }),
  )
  t.pass('held for every generated log')
})

await t.test('ChainChecker: any change of one byte is found, and the right line named', async t => {
  await fc.assert(
    fc.asyncProperty(logs, fc.nat(), fc.integer({ min: 1, max: 255 }), async (events, where, flip) => {
      const bytes = Buffer.from(await writeLog(events), 'latin1')
      const at = where % bytes.length
      const line = bytes.subarray(0, at).toString('latin1').split('\n').length
      bytes[at] = (bytes[at] ?? 0) ^ flip
      const status = checkText(bytes)
      return status.state !== 'sealed' && status.line === line
    }),
    { numRuns: 1_000 },
  )
  t.pass('held for every generated change')
})

await t.test('ChainChecker: any cut is found', async t => {
  await fc.assert(
    fc.asyncProperty(logs, fc.nat(), async (events, where) => {
      const bytes = Buffer.from(await writeLog(events), 'latin1')
      return checkText(bytes.subarray(0, where % bytes.length)).state === 'unsealed'
    }),
  )
  t.pass('held for every generated cut')
})

await t.test('ChainChecker: any removed, doubled or moved line is found, and the right line named', async t => {
  await fc.assert(
    fc.asyncProperty(logs, fc.nat(), fc.nat(), async (events, a, b) => {
      const all = (await writeLog(events)).split('\n').slice(0, -1)
      const from = a % all.length
      const moved = all[from] ?? ''
      const rest = all.toSpliced(from, 1)
      const to = b % all.length
      const reordered = checkText(joined(rest.toSpliced(to, 0, moved)))
      const removed = checkText(joined(rest))
      const atEnd = from === all.length - 1
      const fineOrder =
        to === from
          ? reordered.state === 'sealed'
          : reordered.state === 'broken' && reordered.line === Math.min(from, to) + 1
      return (
        fineOrder && (atEnd ? removed.state === 'unsealed' : removed.state === 'broken' && removed.line === from + 1)
      )
    }),
    { numRuns: 300 },
  )
  t.pass('held for every generated move')
})
