import { BoundedTable } from './bounded-table.ts'
import { type FileEvent, type FlowEvent } from './event.ts'
import { processChain } from './process-label.ts'
import type { SourceRow } from './summary-shape.ts'
import { fileEventText } from './vocabulary.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Changed files of the workspace, by path and what happened. */
export class SourceTable {
  readonly #rows = new BoundedTable<Mutable<SourceRow>>(500)

  get omitted(): number {
    return this.#rows.omitted
  }

  add({ layer, event, path, before, after, process, startedAt }: FlowEvent): void {
    if (layer !== 'file' || path === undefined || !isFileEvent(event)) return
    const row = this.#rows.row(`${event} ${path}`, () => ({
      path,
      event,
      count: 0,
      ...(before === undefined ? {} : { before }),
      firstAt: new Date(startedAt).toISOString(),
      ...(process === undefined ? {} : { process: processChain(process) }),
    }))
    if (row === undefined) return
    row.count += 1
    // The last is what the build went on with.
    if (after === undefined) delete row.after
    else row.after = after
  }

  list(): readonly SourceRow[] {
    return this.#rows.values().map(row => ({ ...row }))
  }
}

function isFileEvent(event: FlowEvent['event']): event is FileEvent {
  return event !== undefined && Object.hasOwn(fileEventText, event)
}
