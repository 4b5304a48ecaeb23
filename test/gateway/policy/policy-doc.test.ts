import { readFileSync } from 'node:fs'
import t from 'tap'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { readUse } from '../../../gateway/policy/load.ts'
import { presetNames } from '../../../gateway/policy/presets/preset.ts'

const page = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8')

t.test('docs/policy.md: its example is a policy without faults', async t => {
  const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? ''
  t.match(parsePolicy(example, 'example.yaml', readUse), { mode: 'block' })
})

t.test('docs/policy.md: names every preset', async t => {
  for (const preset of presetNames) t.match(page, `\`${preset}\``)
})

t.test('docs/policy.md: lists every finding code, and none that does not exist', async t => {
  const source = readFileSync(new URL('../../../gateway/policy/finding.ts', import.meta.url), 'utf8')
  const inCode = [...source.matchAll(/^ {2}\| '([A-Z_0-9]+)'$/gm)].map(([, code]) => code)
  const inPage = [...page.matchAll(/^\| `([A-Z_0-9]+)` +\| (?:error|warning) /gm)].map(([, code]) => code)
  t.ok(inCode.length > 20)
  t.same(inPage, inCode)
})
