import fc from 'fast-check'
import t from 'tap'
import { broken, held, skipped, type Finding } from '../../../gateway/attest/case.ts'
import { renderComment, renderPlan, renderPoint } from '../../../gateway/attest/tap.ts'

const point = (finding: Finding, sentence = 'it is refused') =>
  renderPoint(7, { case: { id: 'N1', sentence }, finding })

t.test('renderPoint(): one that held is one line', async t => {
  t.equal(point(held), 'ok 7 - N1: it is refused\n')
})

t.test('renderPoint(): one that was not tried is ok, and says why', async t => {
  t.equal(point(skipped('audit carries it')), 'ok 7 - N1: it is refused # SKIP audit carries it\n')
})

t.test('renderPoint(): one that did not hold says what was reached and what to change, as YAML', async t => {
  t.equal(
    point(broken('"x" answered\r\nok 8 - forged', 'close it')),
    'not ok 7 - N1: it is refused\n  ---\n  reached: "\\"x\\" answered\\\\x0d\\\\x0aok 8 - forged"\n  change: "close it"\n  ...\n',
  )
})

t.test('renderPoint(): P1: nothing that was heard makes a line or a directive of its own', async t => {
  const text = fc.string({ unit: 'binary', maxLength: 600 })
  fc.assert(
    fc.property(text, text, (said, more) => {
      const lines = point(broken(said, more), said).trimEnd().split('\n')
      const rest = point(skipped(said), more)
      return (
        lines.length === 5 &&
        lines[0]?.startsWith('not ok 7 - N1: ') === true &&
        !/(?<!\\)#/.test(lines[0].replaceAll('\\\\', '')) &&
        rest.split('\n').length === 2
      )
    }),
  )
  t.pass('held for every text')
})

t.test('renderPlan(), renderComment(): a line each', async t => {
  t.equal(renderPlan(3), '1..3\n')
  t.equal(renderComment('two\nlines'), '# two\\x0alines\n')
})
