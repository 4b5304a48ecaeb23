import { readFile, writeFile } from 'node:fs/promises'
import { env } from 'node:process'
import { format, resolveConfig } from 'prettier'
import t, { type Test } from 'tap'
import { families } from '../../../gateway/observe/metric-families.ts'
import { explainReason } from '../../../gateway/policy/explain.ts'
import { errorText } from '../../../gateway/record/error-text.ts'
import { renderLogJsonSchema } from '../../../gateway/record/log-json-schema.ts'
import {
  alarmText,
  degradationText,
  fileEventText,
  findingText,
  jobEventText,
  layerText,
  reasonSet,
  verdictText,
} from '../../../gateway/record/vocabulary.ts'

// The documents' tables are the code's: with TIDEGATE_WRITE_DOCS=1 this writes them, without it it compares.

const root = new URL('../../../', import.meta.url)
const { rule: _rule, ...denials } = reasonSet

function rows(cells: readonly (readonly string[])[]): string {
  return cells.map(row => `| ${row.join(' | ')} |`).join('\n')
}

function table(columns: readonly string[], body: readonly (readonly string[])[]): string {
  return rows([columns, columns.map(() => '---'), ...body])
}

function meanings(texts: Readonly<Record<string, string>>): string {
  return table(
    ['value', 'meaning'],
    Object.entries(texts).map(([value, meaning]) => [`\`${value}\``, meaning]),
  )
}

function isDenial(reason: string): reason is keyof typeof denials {
  return Object.hasOwn(denials, reason)
}

const reasons = Object.fromEntries(
  Object.keys(reasonSet).map(reason => [reason, isDenial(reason) ? explainReason(reason) : 'a rule allows it']),
)

const documents: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'docs/log.md': {
    layer: meanings(layerText),
    verdict: meanings(verdictText),
    reason: meanings(reasons),
    jobEvent: meanings(jobEventText),
    fileEvent: meanings(fileEventText),
    finding: meanings(findingText),
    degradation: meanings(degradationText),
  },
  'docs/insight.md': { alarm: meanings(alarmText) },
  'docs/metrics.md': {
    metrics: table(
      ['metric', 'labels', 'meaning'],
      Object.values(families).map(({ name, help, labels }) => [
        `\`${name}\``,
        labels.map(label => `\`${label}\``).join(', '),
        help,
      ]),
    ),
  },
  'docs/errors.md': {
    errors: table(
      ['code', 'means', 'what to do'],
      Object.entries(errorText).map(([code, { means, remedy }]) => [`\`${code}\``, means, remedy]),
    ),
  },
}

/** The document with what stands between `<!-- name -->` and the next heading, comment or blank-separated text replaced. */
function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  return Object.entries(tables).reduce((document, [name, body]) => {
    const place = new RegExp(`<!-- ${name} -->\\n(?:\\n(?:\\|.*\\n)+)?`)
    return document.replace(place, () => `<!-- ${name} -->\n\n${body}\n`)
  }, text)
}

async function check(t: Test, path: string, expected: (found: string) => string): Promise<void> {
  const file = new URL(path, root)
  const found = await readFile(file, 'utf8').catch(() => '')
  const options = { ...(await resolveConfig(file)), filepath: path }
  const wanted = await format(expected(found), options)
  if (env['TIDEGATE_WRITE_DOCS'] === '1') await writeFile(file, wanted)
  else t.equal(found, wanted, `${path} says what the code says (TIDEGATE_WRITE_DOCS=1 writes it)`)
}

await t.test('docs/log.schema.json: is the schema the gateway reads with', async t => {
  await check(t, 'docs/log.schema.json', () => JSON.stringify(renderLogJsonSchema()))
})
for (const [path, tables] of Object.entries(documents)) {
  await t.test(`${path}: its tables are the code's`, async t => {
    await check(t, path, found => {
      for (const name of Object.keys(tables)) t.match(found, `<!-- ${name} -->`)
      return withTables(found, tables)
    })
  })
}
