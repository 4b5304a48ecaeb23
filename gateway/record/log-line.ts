import { lineSchema, type LogLine } from './line-schema.ts'
import { invalidLine } from './log-reader.ts'

/**
 * One line by the schema of docs/log.schema.json.
 * @throws GatewayError LOG_INVALID with `details.line` and what is wrong
 */
export function parseLine(bytes: Buffer, number: number): LogLine {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw invalidLine(number, 'it is not JSON', cause)
  }
  const result = lineSchema.safeParse(value)
  if (result.success) return result.data
  throw invalidLine(number, 'it is no line of a version 1 log (docs/log.schema.json)', result.error)
}
