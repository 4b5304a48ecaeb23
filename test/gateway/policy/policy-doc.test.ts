import { readFileSync } from 'node:fs'
import t from 'tap'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { readUse } from '../../../gateway/policy/load.ts'
import { presetNames } from '../../../gateway/policy/presets/preset.ts'

function read(name: string): string {
  return readFileSync(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8')
}

const page = read('policy')
const containers = read('sidecar-init')

t.test('docs/policy.md: its example is a policy without faults', async t => {
  const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? ''
  t.match(parsePolicy(example, 'example.yaml', readUse), { mode: 'block' })
})

t.test('docs/policy.md: names every preset', async t => {
  for (const preset of presetNames) t.match(page, `\`${preset}\``)
})

t.test(
  'docs/policy.md and, for compose files, docs/sidecar-init.md list every finding code, and none that does not exist',
  async t => {
    const source = readFileSync(new URL('../../../gateway/policy/finding.ts', import.meta.url), 'utf8')
    const inCode = [...source.matchAll(/^ {2}\| '([A-Z_0-9]+)'$/gm)].map(([, code]) => code)
    const rows = [...`${page}\n${containers}`.matchAll(/^\| `([A-Z_0-9]+)` +\| (?:error|warning) /gm)]
    const inPage = [...new Set(rows.map(([, code]) => code))]
    t.ok(inCode.length > 20)
    t.same(inPage, inCode)
  },
)
