import type { FlowEvent } from '../record/event.ts'
import type { Insight, Objection, RequestLook } from './insight.ts'

/** Who looked and failed cannot say that it may pass. */
const fault: Objection = { reason: 'denied-by-rule', rule: 'insight: a fault of ours' }

/**
 * Somebody who looks, kept from the data path: what it throws is told to `failed`, and is an objection to what it was
 * looking at. A hostile body must neither pass unseen nor end the gateway.
 */
export function guarded(insight: Insight, failed: (cause: unknown) => void): Insight {
  const ask = <Said>(look: () => Said): Said | Objection => {
    try {
      return look()
    } catch (cause) {
      failed(cause)
      return fault
    }
  }
  return {
    ...(insight.question === undefined ? {} : { question: seen => ask(() => insight.question?.(seen)) }),
    ...(insight.asker === undefined ? {} : { asker: answered => void ask(() => insight.asker?.(answered)) }),
    ...(insight.connection === undefined ? {} : { connection: seen => ask(() => insight.connection?.(seen)) }),
    ...(insight.stream === undefined
      ? {}
      : {
          stream: seen => {
            const look = ask(() => insight.stream?.(seen))
            if (look === undefined) return undefined
            if ('reason' in look) return { sending: () => look }
            return { sending: part => ask(() => look.sending(part)), ended: () => void ask(() => look.ended?.()) }
          },
        }),
    ...(insight.request === undefined
      ? {}
      : {
          request: seen => {
            const look = ask(() => insight.request?.(seen))
            if (look === undefined) return undefined
            return 'reason' in look ? { objection: look } : guardedLook(look, ask)
          },
        }),
  }
}

type Ask = <Said>(look: () => Said) => Said | Objection

function guardedLook(look: RequestLook, ask: Ask): RequestLook {
  return {
    objection: look.objection,
    note: look.note,
    ...(look.sending === undefined ? {} : { sending: part => ask(() => look.sending?.(part)) }),
    ...(look.beside === undefined ? {} : { beside: part => ask(() => look.beside?.(part)) }),
    ...(look.answered === undefined
      ? {}
      : { answered: (status, fields) => ask(() => look.answered?.(status, fields)) }),
    ...(look.receiving === undefined ? {} : { receiving: part => ask(() => look.receiving?.(part)) }),
    ...(look.received === undefined ? {} : { received: () => ask(() => look.received?.()) }),
    ...(look.ended === undefined ? {} : { ended: () => factsOf(ask(() => look.ended?.())) }),
  }
}

/** Nothing is left to object to when it is over. */
function factsOf(said: Partial<FlowEvent> | Objection | undefined): Partial<FlowEvent> | undefined {
  return said === fault ? undefined : said
}
