import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import type { Summary } from '../summary-shape.ts'
import { renderCycloneDx } from './cyclonedx.ts'
import { renderInToto } from './in-toto.ts'

/** What a job took in, as documents that lie beside its log. */
export interface InputDocument {
  readonly name: 'inputs.cdx.json' | 'inputs.intoto.json'
  readonly text: string
}

/** Both documents of a job whose log has been written; `log` is its open file. */
export async function renderInputs(
  summary: Summary,
  log: FileHandle,
  signal: AbortSignal,
): Promise<readonly InputDocument[]> {
  return [
    { name: 'inputs.cdx.json', text: renderCycloneDx(summary) },
    { name: 'inputs.intoto.json', text: renderInToto(summary, await digestOf(log, signal)) },
  ]
}

/** SHA-256 (hex) of a file, as `sha256sum` tells it. @throws Error when it cannot be read */
export async function digestOf(file: string | FileHandle, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  const stream =
    typeof file === 'string'
      ? createReadStream(file, { signal })
      : file.createReadStream({ start: 0, autoClose: false, signal })
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) hash.update(chunk)
  return hash.digest('hex')
}
