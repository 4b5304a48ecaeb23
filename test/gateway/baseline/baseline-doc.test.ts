import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseLock } from '../../../gateway/baseline/parse.ts'
import { renderLock } from '../../../gateway/baseline/render.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'

const page = readFileSync(new URL('../../../docs/baseline.md', import.meta.url), 'utf8')

t.test('the lock of docs/baseline.md is one, written as update writes it', async t => {
  const [, example = ''] = /<!-- example -->\s*```text\n([^]*?)```/.exec(page) ?? []
  t.equal(renderLock(parseLock(example, 'docs/baseline.md')), example)
})

t.test('anomalies: is report or deny, and absent means that nothing is asked', async t => {
  const anomaliesOf = (line: string) =>
    parsePolicy(`version: 1\nmode: block\nallow: []\n${line}`, 'policy', () => undefined).insight.anomalies
  t.equal(anomaliesOf(''), undefined)
  t.equal(anomaliesOf('anomalies: deny\n'), 'deny')
  t.equal(anomaliesOf('anomalies: report\n'), 'report')
  t.throws(() => anomaliesOf('anomalies: allow\n'), { code: 'POLICY_INVALID' })
  t.throws(() => anomaliesOf('anomalies: true\n'), { code: 'POLICY_INVALID' })
})
