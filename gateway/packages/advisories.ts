import { readFileSync, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileFault } from '../errors.ts'
import { type Advisory, readAdvisories, speaksOf } from './advisory.ts'
import type { Asked } from './asked.ts'
import { packageId } from './package-name.ts'

/** The whole of the npm advisories are some 200,000 files. */
const mostFiles = 500_000
const longestFile = 64 * 1_048_576
const inOneTurn = 32

/** OSV entries by package. */
export class Advisories {
  readonly #byPackage = new Map<string, Advisory[]>()

  /** The first that speaks of what is asked for. */
  about(asked: Asked): Advisory | undefined {
    return this.#byPackage.get(packageId(asked))?.find(advisory => speaksOf(advisory, asked))
  }

  /** Takes a file's text: one entry, or a list of them. @throws Error when it is none */
  take(text: string): void {
    const parsed: unknown = JSON.parse(text)
    for (const entry of Array.isArray(parsed) ? parsed : [parsed]) {
      for (const [id, advisory] of readAdvisories(entry)) {
        const known = this.#byPackage.get(id)
        if (known === undefined) this.#byPackage.set(id, [advisory])
        else known.push(advisory)
      }
    }
  }
}

/** What could not be read, in words, and how many files. */
export interface AdvisoryFaults {
  readonly files: number
  readonly first: string
}

/** Reads files and folders of OSV entries; what cannot be read is left out and told. Never throws. */
export async function loadAdvisories(
  paths: readonly string[],
): Promise<{ readonly advisories: Advisories; readonly faults: AdvisoryFaults | undefined }> {
  const advisories = new Advisories()
  const faults: string[] = []
  for (const path of paths) {
    try {
      for (const [at, file] of (await filesOf(path)).entries()) {
        load(file, advisories, faults)
        // Small files are read several times as fast without waiting for each; others have their turn in between.
        if (at % inOneTurn === inOneTurn - 1) await nextTurn()
      }
    } catch (cause) {
      faults.push(`${path}: ${fileFault(cause)}`)
    }
  }
  const [first] = faults
  return { advisories, faults: first === undefined ? undefined : { files: faults.length, first } }
}

async function filesOf(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile() && entry.name.endsWith('.json'))
  if (files.length > mostFiles) throw new Error(`there are more than ${mostFiles} files`)
  return files.map(entry => join(entry.parentPath, entry.name))
}

function load(file: string, advisories: Advisories, faults: string[]): void {
  try {
    if (statSync(file).size > longestFile) throw new Error(`it is longer than ${longestFile} bytes`)
    advisories.take(readFileSync(file, 'utf8'))
  } catch (cause) {
    faults.push(`${file}: ${fileFault(cause)}`)
  }
}
