import t from 'tap'
import { canShowProgress, openProgress } from '../../../gateway/record/progress.ts'

const tty = { isTTY: true, columns: 60, write: () => true }

const cases: readonly [string, boolean, boolean][] = [
  ['on a terminal of its own', canShowProgress(tty, {}, false), true],
  ['on a terminal that a command writes to', canShowProgress(tty, {}, true), false],
  ['without a terminal', canShowProgress({ write: () => true }, {}, false), false],
  ['in a CI system', canShowProgress(tty, { CI: 'true' }, false), false],
  ['on a dumb terminal', canShowProgress(tty, { TERM: 'dumb' }, false), false],
]
for (const [name, found, expected] of cases) {
  await t.test(`canShowProgress(): ${expected}, ${name}`, async t => {
    t.equal(found, expected)
  })
}

await t.test('openProgress(): the line fits, cannot be broken by a host, and is gone at the end', async t => {
  const texts: string[] = []
  {
    using progress = openProgress({ ...tty, write: text => texts.push(text) }, true, () => 0)
    progress.phase('laying the wire')
    progress.follow({
      flows: { allow: 1_200, observe: 0, deny: 2 },
      lastRefused: `evil\n\u001b[2J${'x'.repeat(200)}.example.com`,
    })
  }
  t.match(texts[0], 'laying the wire')
  t.match(texts[1], '1,200 allowed · 2 refused · last: evil\\x0a\\x1b[2J')
  for (const text of texts) t.ok(text.replace('\r\u001b[K', '').length < 60 && !text.includes('\n'))
  t.equal(texts.at(-1), '\r\u001b[K')
})

await t.test('openProgress(): writes nothing when it is not shown', async t => {
  using progress = openProgress({ ...tty, write: () => t.fail('written') }, false, () => 0)
  progress.phase('laying the wire')
  progress.clear()
  t.pass('silent')
})
