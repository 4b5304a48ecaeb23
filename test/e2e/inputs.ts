import { readFileSync } from 'node:fs'
import type { Line } from './record-check.ts'

interface Bom {
  readonly components: readonly {
    readonly purl: string
    readonly hashes: readonly { readonly alg: string; readonly content: string }[]
  }[]
}

/** What `inputs.cdx.json` of a job says that came in: package URL and SHA-256, in order. */
export function componentsOf({ out }: { readonly out: string }): readonly string[] {
  const bom: Bom = JSON.parse(readFileSync(`${out}/inputs.cdx.json`, 'utf8'))
  return bom.components
    .map(({ purl, hashes }) => `${purl} ${hashes.find(({ alg }) => alg === 'SHA-256')?.content}`)
    .toSorted()
}

/** Lines about files of packages. */
export function filesOf({ lines }: { readonly lines: readonly Line[] }): readonly Line[] {
  return lines.filter(({ details }) => details?.['purl'] !== undefined)
}

/** Kinds and subjects of the alarms of a job. */
export function alarmsOf({ lines }: { readonly lines: readonly Line[] }): readonly string[] {
  return lines.flatMap(({ event, details }) =>
    event === 'anomaly' ? [`${String(details?.['kind'])} ${String(details?.['subject'])}`] : [],
  )
}
