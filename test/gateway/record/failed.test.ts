import t from 'tap'
import { openJobRecord } from '../../../gateway/record/job-record.ts'
import { renderReport } from '../../../gateway/record/report/render.ts'
import { terminalFor } from '../../../gateway/record/report/terminal.ts'
import { renderBrief } from '../../../gateway/record/report/text.ts'
import { summariseLog } from '../../../gateway/record/summarise-log.ts'
import type { Summary } from '../../../gateway/record/summary-shape.ts'
import { assertValidLog } from '../../schema.ts'

const plain = terminalFor({ isTTY: false }, {})

/** The summary of a job that failed for these reasons, and of its log read again. */
async function recorded(dir: string, reasons: readonly string[]): Promise<readonly [Summary, Summary]> {
  const record = await openJobRecord({
    dir,
    job: 'build',
    mode: 'block',
    policyDigest: 'ab'.repeat(32),
    version: '0.0.0',
    now: () => 1_000_000,
    onLogFailure: 'deny',
    onTrouble: cause => t.fail(String(cause)),
  })
  for (const note of reasons) record.note('failed', { details: { note } })
  const { summary } = await record.seal()
  await assertValidLog(`${dir}/egress.ndjson`)
  return [summary, await summariseLog(`${dir}/egress.ndjson`, AbortSignal.timeout(10_000))]
}

const reason = 'src/<b>.c is not what the source says (integrity.onChange: fail)'

t.test('a job that its policy fails: each report says so, once for each reason', async t => {
  const [summary, again] = await recorded(t.testdir(), [reason, 'another', reason])
  t.strictSame(summary.failed, [reason, 'another'])
  t.strictSame(again.failed, summary.failed, 'and so does the log, read again')
  t.strictSame(summary.degraded, [], 'the protection is what it was')
  t.equal(renderBrief(summary, plain).split('The policy fails this job: ').length, 3)
  t.match(renderReport.text(summary, plain), `The policy fails this job: ${reason}\n`)
  t.match(renderReport.markdown(summary, plain), /\*\*The policy fails this job:\*\* src/)
  t.match(renderReport.html(summary, plain), 'src/&#60;b&#62;.c is not')
})

t.test('any other job: nothing is said', async t => {
  const [summary, again] = await recorded(t.testdir(), [])
  t.notOk('failed' in summary || 'failed' in again)
  for (const format of ['text', 'markdown', 'html'] as const)
    t.notMatch(renderReport[format](summary, plain), /policy fails/, format)
})
