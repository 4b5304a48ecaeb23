import { z } from 'zod'
import { GatewayError } from '../errors.ts'

/** The file in a record that tells which canaries its job had. */
export const canaryFileName = 'canaries.json'

const schema = z.strictObject({
  version: z.literal(1),
  job: z.string().max(255),
  seed: z.string().regex(/^[0-9a-f]{64}$/),
})

/**
 * The text of that file. It holds the seed of the values and none of them, so that a record can be searched, uploaded and
 * scanned without an alarm about itself. Pure.
 */
export function renderCanaryFile(job: string, seed: Buffer): string {
  return `${JSON.stringify({ version: 1, job, seed: seed.toString('hex') })}\n`
}

/**
 * The seed that such a file holds.
 * @throws GatewayError LOG_INVALID
 */
export function parseCanaryFile(text: string, name: string): { readonly job: string; readonly seed: Buffer } {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (cause) {
    throw new GatewayError('LOG_INVALID', `${name} is no JSON`, { cause })
  }
  const read = schema.safeParse(raw)
  if (!read.success)
    throw new GatewayError('LOG_INVALID', `${name} is not the canaries of a job: ${faults(read.error)}`)
  return { job: read.data.job, seed: Buffer.from(read.data.seed, 'hex') }
}

function faults({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.') || 'all of it'}: ${message}`).join('; ')
}
