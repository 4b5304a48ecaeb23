import type {
  Insight,
  Objection,
  RequestLook,
  SeenAsker,
  SeenConnection,
  SeenQuestion,
  SeenRequest,
  SeenStream,
  StreamLook,
} from '../../../gateway/insight/insight.ts'
import type { FlowEvent } from '../../../gateway/record/event.ts'

/** What a watcher says where it objects. */
export const objection: Objection = { reason: 'denied-by-rule', rule: 'watched[0]' }

/** Looks at everything, keeps one line for each call, and objects where it is told to. */
export class Watcher implements Required<Insight> {
  /** `request GET /x allow`, `sending abc`, `answered 200`, `receiving abc`, `received`, `ended`, `question …`, `tcp says abc`. */
  readonly calls: string[] = []
  readonly requests: SeenRequest[] = []
  /** Answers' `content-type`, read when they are shown. */
  readonly types: (string | undefined)[] = []
  /** Facts for the line: at its beginning, when the answer is whole, at its end. */
  note: Partial<FlowEvent> | undefined
  whole: Partial<FlowEvent> | undefined
  end: Partial<FlowEvent> | undefined
  /** Chunk sizes, extensions and trailers are shown too. */
  wantsBeside = false
  readonly #objects: (call: string) => boolean
  #waiting: (() => void)[] = []

  /** Objects to calls that are `objectsTo`, or begin so. */
  constructor(objectsTo?: string) {
    this.#objects = call => objectsTo !== undefined && call.startsWith(objectsTo)
  }

  question({ name, type, verdict }: SeenQuestion): Objection | undefined {
    return this.#called(`question ${name} ${type} ${verdict}`)
  }

  asker({ name, process }: SeenAsker): void {
    this.#called(`asker ${name} ${process?.exe}`)
  }

  connection({ transport, host, port }: SeenConnection): Objection | undefined {
    return this.#called(`connection ${transport} ${host} ${port}`)
  }

  stream({ transport }: SeenStream): StreamLook {
    return {
      sending: part => this.#called(`${transport} says ${part.toString('latin1')}`),
      ended: () => void this.#called(`${transport} ended`),
    }
  }

  request(seen: SeenRequest): RequestLook {
    this.requests.push(seen)
    return {
      objection: this.#called(`request ${seen.method} ${seen.target} ${seen.verdict}`),
      note: this.note,
      sending: part => this.#called(`sending ${part.toString('latin1')}`),
      ...(this.wantsBeside ? { beside: part => this.#called(`beside ${part.toString('latin1')}`) } : {}),
      answered: (status, fields) => {
        this.types.push(fields.get('content-type'))
        return this.#called(`answered ${status}`)
      },
      receiving: part => this.#called(`receiving ${part.toString('latin1')}`),
      received: () => this.#called('received') ?? this.whole,
      ended: () => {
        this.#called('ended')
        return this.end
      },
    }
  }

  /** Resolves when it was called so. */
  async saw(call: string): Promise<void> {
    while (!this.calls.includes(call)) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  #called(call: string): Objection | undefined {
    this.calls.push(call)
    for (const wake of this.#waiting.splice(0)) wake()
    return this.#objects(call) ? objection : undefined
  }
}
