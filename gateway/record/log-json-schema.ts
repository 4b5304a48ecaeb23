import { z } from 'zod'
import { lineSchema } from './line-schema.ts'

/** docs/log.schema.json (JSON Schema, draft 2020-12): the schema the gateway reads logs with, for everyone else. */
export function renderLogJsonSchema(): object {
  return {
    title: 'One line of egress.ndjson',
    description: 'docs/log.md explains the fields, the hash chain and the seal.',
    ...z.toJSONSchema(lineSchema, { reused: 'inline', override: ({ jsonSchema }) => dropNoise(jsonSchema) }),
  }
}

/** JSON's own bound of integers says nothing about a log, and zod's pattern of dates repeats their format. */
function dropNoise(schema: { maximum?: number; format?: string; pattern?: string }): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
  if (schema.format === 'date-time') schema.pattern = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$'
}
