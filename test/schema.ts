import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { readLog } from '../gateway/record/log-reader.ts'

const schema: object = JSON.parse(readFileSync(new URL('../docs/log.schema.json', import.meta.url), 'utf8'))
const ajv = new Ajv2020({ strict: true, allErrors: true })
addFormats.default(ajv)
const validate = ajv.compile(schema)

/** What is wrong with one line by docs/log.schema.json; empty when nothing is. */
export function faultsOfLine(line: string): string {
  return validate(JSON.parse(line)) ? '' : ajv.errorsText(validate.errors)
}

/**
 * Every line of the log is valid by docs/log.schema.json, the chain holds, and the log is sealed (or, when `open` is
 * given, still being written). Returns the lines, parsed. Call it on every log that a test makes.
 */
export async function assertValidLog(
  path: string,
  open?: 'open',
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const chain = await readLog(path, AbortSignal.timeout(30_000))
  if (chain.state === 'broken') throw new Error(`${path}: ${chain.message}`)
  if (chain.state === 'unsealed' && open === undefined) throw new Error(`${path}: ${chain.message}`)
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
  for (const [at, line] of lines.entries()) {
    const faults = faultsOfLine(line)
    if (faults !== '') throw new Error(`${path}, line ${at + 1}: ${faults}\n${line}`)
  }
  return lines.map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
}
