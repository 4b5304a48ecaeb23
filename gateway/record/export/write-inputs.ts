import type { FileHandle } from 'node:fs/promises'
import type { Summary } from '../summary-shape.ts'

/** What is needed to write them. */
export interface InputsPlace {
  /** The log's open file. */
  readonly log: FileHandle
  readonly write: (name: string, text: string) => Promise<void>
  readonly onTrouble: (error: unknown) => void
}

/** Writes the documents of what came into a job. Never throws. */
export async function writeInputs(summary: Summary, { log, write, onTrouble }: InputsPlace): Promise<void> {
  try {
    // Loaded when it is asked for: the library behind it is larger than what a plain run loads.
    const { renderInputs } = await import('./inputs.ts')
    for (const { name, text } of await renderInputs(summary, log, AbortSignal.timeout(60_000))) await write(name, text)
  } catch (cause) {
    onTrouble(cause)
  }
}
