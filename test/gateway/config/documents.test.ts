import { readFile, writeFile } from 'node:fs/promises'
import { env } from 'node:process'
import { format, resolveConfig } from 'prettier'
import t from 'tap'
import { z } from 'zod'
import { parseConfig } from '../../../gateway/config/load.ts'
import { configSchema } from '../../../gateway/config/schema.ts'

// docs/configuration.md has the schema's table: TIDEGATE_WRITE_DOCS=1 writes it.

interface Key {
  readonly description?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Key>>
}

const file = new URL('../../../docs/configuration.md', import.meta.url)

function rows(keys: Readonly<Record<string, Key>>, prefix = ''): readonly string[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const isSection = key.properties !== undefined
    const range = key.minimum === undefined ? '' : ` (${key.minimum} to ${key.maximum})`
    const choice = key.enum === undefined ? '' : ` (${key.enum.map(it => `\`${it}\``).join(', ')})`
    const value = key.default === undefined || isSection ? '' : `\`${JSON.stringify(key.default).replaceAll('"', '')}\``
    return [
      `| \`${prefix}${name}\` | ${value} | ${key.description ?? ''}${range}${choice} |`,
      ...(isSection ? rows(key.properties ?? {}, `${prefix}${name}.`) : []),
    ]
  })
}

await t.test('docs/configuration.md: its table is the schema', async t => {
  const schema: Key = Object(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }))
  const table = ['| key | default | is |', '| --- | --- | --- |', ...rows(schema.properties ?? {})].join('\n')
  const found = await readFile(file, 'utf8')
  t.match(found, '<!-- configuration -->')
  const text = found.replace(/<!-- configuration -->\n(?:\n(?:\|.*\n)+)?/, () => `<!-- configuration -->\n\n${table}\n`)
  const wanted = await format(text, { ...(await resolveConfig(file)), filepath: 'docs/configuration.md' })
  if (env['TIDEGATE_WRITE_DOCS'] === '1') await writeFile(file, wanted)
  else t.equal(found, wanted)
})

await t.test('docs/configuration.md: its example is a configuration', async t => {
  const [, example = ''] = /```yaml\n([^`]*)```/.exec(await readFile(file, 'utf8')) ?? []
  t.match(parseConfig(example, '/etc/tidegate/gateway.yaml'), {
    admin: { host: '0.0.0.0', port: 9464 },
    jobs: { build: { policy: '/etc/tidegate/policy.yaml' } },
    limits: { jobs: 20, connections: 4096 },
  })
})
