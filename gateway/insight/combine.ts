import type { FlowEvent } from '../record/event.ts'
import {
  isObjection,
  type Insight,
  type Objection,
  type RequestLook,
  type SeenRequest,
  type SeenStream,
  type StreamLook,
} from './insight.ts'

/** Several who look, as one; undefined when nobody does. Each sees everything; the first objection counts. */
export function combine(all: readonly Insight[]): Insight | undefined {
  if (all.length <= 1) return all[0]
  // What nobody looks at is left out: the data path then pays nothing for it.
  return {
    ...(all.some(one => one.question !== undefined) && {
      question: question => firstOf(all, one => one.question?.(question)),
    }),
    ...(all.some(one => one.asker !== undefined) && { asker: asker => all.forEach(one => one.asker?.(asker)) }),
    ...(all.some(one => one.connection !== undefined) && {
      connection: connection => firstOf(all, one => one.connection?.(connection)),
    }),
    ...(all.some(one => one.stream !== undefined) && { stream: connection => streamLooks(all, connection) }),
    ...(all.some(one => one.request !== undefined) && { request: request => requestLooks(all, request) }),
  }
}

function firstOf<One, Said>(all: readonly One[], ask: (one: One) => Said | undefined): Said | undefined {
  let said: Said | undefined
  // All are asked: who objects does not keep the others from seeing.
  for (const one of all) {
    const own = ask(one)
    said ??= own
  }
  return said
}

function requestLooks(all: readonly Insight[], request: SeenRequest): RequestLook | undefined {
  const looks = all.map(one => one.request?.(request)).filter(look => look !== undefined)
  const [first, ...others] = looks
  return first === undefined || others.length === 0 ? first : new Looks(looks)
}

function streamLooks(all: readonly Insight[], connection: SeenStream): StreamLook | undefined {
  const looks = all.map(one => one.stream?.(connection)).filter(look => look !== undefined)
  if (looks.length <= 1) return looks[0]
  return {
    sending: part => firstOf(looks, look => look.sending(part)),
    ended: () => looks.forEach(look => look.ended?.()),
  }
}

/** The looks of several at one exchange. */
class Looks implements RequestLook {
  readonly objection: Objection | undefined
  readonly note: Partial<FlowEvent> | undefined
  readonly #looks: readonly RequestLook[]

  constructor(looks: readonly RequestLook[]) {
    this.#looks = looks
    this.objection = firstOf(looks, look => look.objection)
    this.note = merged(looks.map(look => look.note))
  }

  sending(part: Buffer): Objection | undefined {
    return firstOf(this.#looks, look => look.sending?.(part))
  }

  beside(part: Buffer): Objection | undefined {
    return firstOf(this.#looks, look => look.beside?.(part))
  }

  answered(...answer: Parameters<NonNullable<RequestLook['answered']>>): Objection | undefined {
    return firstOf(this.#looks, look => look.answered?.(...answer))
  }

  receiving(part: Buffer): Objection | undefined {
    return firstOf(this.#looks, look => look.receiving?.(part))
  }

  received(): Objection | Partial<FlowEvent> | undefined {
    const said = this.#looks.map(look => look.received?.())
    return said.find(isObjection) ?? merged(said.filter(one => !isObjection(one)))
  }

  ended(): Partial<FlowEvent> | undefined {
    return merged(this.#looks.map(look => look.ended?.()))
  }
}

/** Facts of several; the `details` of all are kept. */
function merged(notes: readonly (Partial<FlowEvent> | undefined)[]): Partial<FlowEvent> | undefined {
  const said = notes.filter(note => note !== undefined)
  if (said.length <= 1) return said[0]
  const details = Object.assign({}, ...said.map(({ details: own }) => own ?? {}))
  const all: Partial<FlowEvent> = Object.assign({}, ...said)
  return Object.keys(details).length === 0 ? all : { ...all, details }
}
