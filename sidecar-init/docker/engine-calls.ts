import { z } from 'zod'
import { GatewayError } from '../../gateway/errors.ts'

/** An engine under load may take its time; one that hangs must not hold the watcher. */
export const callMs = 30_000

/** Ends a call that takes too long. */
export function late(): AbortSignal {
  return AbortSignal.timeout(callMs)
}

/** Asks the engine. @throws GatewayError ENGINE_UNREACHABLE, `details.status` is its HTTP status when it refuses */
export async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await question()
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    const status = cause instanceof Error && 'statusCode' in cause ? cause.statusCode : undefined
    throw unreachable(
      status === undefined
        ? `the Docker engine does not answer: ${messageOf(cause)}`
        : `the Docker engine refuses: ${reasonOf(cause)}`,
      cause,
      status,
    )
  }
}

/** Undefined when there is no such thing, or not any more. */
export async function absentAsUndefined<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked
  } catch (cause) {
    // 409: it is being removed already.
    if (cause instanceof GatewayError && (cause.details['status'] === 404 || cause.details['status'] === 409))
      return undefined
    throw cause
  }
}

/** The error of an engine that does not answer, or refuses. */
export function unreachable(message: string, cause?: unknown, status?: unknown): GatewayError {
  return new GatewayError('ENGINE_UNREACHABLE', message, {
    ...(cause === undefined ? {} : { cause }),
    details: status === undefined ? {} : { status },
  })
}

/** What went wrong, in words. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** What the engine itself said, without dockerode's words around it. */
function reasonOf(cause: unknown): string {
  const said =
    cause instanceof Error && 'reason' in cause && 'json' in cause
      ? z.object({ message: z.string() }).safeParse(cause.json)
      : undefined
  return said?.success === true ? said.data.message : messageOf(cause)
}
