import type { RequestLook, SeenRequest } from '../../../gateway/insight/insight.ts'
import type { InsightPart } from '../../../gateway/insight/part.ts'
import { openPermissions } from '../../../gateway/permissions/open.ts'
import type { Alarm, FlowEvent } from '../../../gateway/record/event.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { fieldsOf } from './seen.ts'

/** A token of GitHub Actions, as the job's own. */
export const own = `ghs_${'a1B2'.repeat(9)}`
/** A personal token of somebody else's. */
export const theirs = `ghp_${'Z9y8'.repeat(9)}`
/** A token of Azure Pipelines. */
export const azure = 'eyJhbGciOiJub25lIn0.eyJqb2IiOiJhenVyZSJ9.c2ln'

/** The part as a job has it: what it looks at, and what it told. */
export interface Rig {
  readonly part: InsightPart
  readonly alarms: readonly Alarm[]
  look(request: SeenRequest): RequestLook | undefined
}

/** Opens the part with this `tokens` of the policy and these variables of the job. */
export async function rig(tokens: string, environment: Readonly<Record<string, string>> = {}): Promise<Rig> {
  const alarms: Alarm[] = []
  const policy = parsePolicy(`version: 1\nmode: block\ntokens: ${tokens}\n`, 'policy.yaml', () => undefined)
  const part = await openPermissions({
    job: 'unit',
    policy: () => policy,
    cwd: '/',
    out: '/',
    procRoot: undefined,
    environment,
    alarm: alarm => alarms.push(alarm),
    write: () => undefined,
    closeNetwork: () => undefined,
    onWarning: () => undefined,
  })
  return { part, alarms, look: request => part.insight?.request?.(request) }
}

/** The fields of a request with this secret. */
export const bearer = (secret: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${secret}` })

/** The exchange of a request, with its bodies in pieces; the facts for its line. */
export function exchange(
  look: RequestLook | undefined,
  {
    sent = '',
    status = 200,
    fields = {},
    received = '',
  }: { sent?: string; status?: number; fields?: Readonly<Record<string, string>>; received?: string | Buffer } = {},
): Partial<FlowEvent> {
  for (const part of pieces(Buffer.from(sent))) look?.sending?.(part)
  look?.answered?.(status, fieldsOf(fields))
  for (const part of pieces(Buffer.from(received))) look?.receiving?.(part)
  look?.received?.()
  return { ...look?.note, ...look?.ended?.() }
}

/** In pieces that are overwritten after each call, as the relay's are. */
function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 7) {
    const piece = Buffer.from(bytes.subarray(at, at + 7))
    yield piece
    piece.fill(0)
  }
}
