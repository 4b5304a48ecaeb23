import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { isAlive, type Owner, thisProcess } from '../packet/owner.ts'
import { type DecoyFile, plant } from './plant.ts'
import { uproot } from './uproot.ts'

/** Where the files of living jobs are written down, so that those of a gateway that was killed are found. Gone after a reboot. */
export const defaultJournals = '/run/tidegate/canaries'

interface Planted {
  readonly owner: Owner
  readonly home: string
  readonly files: readonly (DecoyFile & { readonly hadFolder: boolean })[]
}

const journalSchema = z.object({
  owner: z.object({ pid: z.int(), startTime: z.string() }),
  home: z.string(),
  files: z.array(z.object({ path: z.string(), text: z.string(), hadFolder: z.boolean() })),
})

/** Files planted in a home. Disposing takes them away. */
export interface Garden extends Disposable {
  /** Paths relative to the home. */
  readonly planted: readonly string[]
}

/**
 * Plants what the home does not have, and takes away what killed gateways left behind. Files that cannot be planted are
 * told of and left out: the variables of the environment remain.
 */
export function openGarden(
  home: string,
  files: readonly DecoyFile[],
  { journals = defaultJournals, onWarning }: { readonly journals?: string; readonly onWarning: (text: string) => void },
): Garden {
  const journal = `${journals}/${randomBytes(6).toString('hex')}`
  const warn = (cause: unknown): void =>
    onWarning(`canaries in files: ${cause instanceof Error ? cause.message : String(cause)}`)
  const planted: Planted['files'][number][] = []
  try {
    mkdirSync(journals, { recursive: true, mode: 0o700 })
    sweepDead(journals, warn)
    for (const file of files) {
      const hadFolder = hasFolderOf(home, file.path)
      // Written down first: what is planted and not written down would stay.
      note(journal, { owner: thisProcess(), home, files: [...planted, { ...file, hadFolder }] })
      if (plant(home, file)) planted.push({ ...file, hadFolder })
    }
    note(journal, { owner: thisProcess(), home, files: planted })
  } catch (cause) {
    warn(cause)
  }
  return {
    planted: planted.map(({ path }) => path),
    [Symbol.dispose]() {
      takeAway({ owner: thisProcess(), home, files: planted }, warn)
      rmSync(journal, { force: true })
    },
  }
}

function note(journal: string, planted: Planted): void {
  writeFileSync(journal, JSON.stringify(planted), { mode: 0o600 })
}

function hasFolderOf(home: string, path: string): boolean {
  const [folder = ''] = path.split('/')
  return readdirSync(home).includes(folder)
}

function takeAway({ home, files }: Planted, warn: (cause: unknown) => void): void {
  for (const file of files) {
    try {
      uproot(home, file, file.hadFolder)
    } catch (cause) {
      warn(cause)
    }
  }
}

function sweepDead(journals: string, warn: (cause: unknown) => void): void {
  for (const name of readdirSync(journals)) {
    const planted = readJournal(`${journals}/${name}`)
    if (planted === undefined || isAlive(planted.owner)) continue
    takeAway(planted, warn)
    rmSync(`${journals}/${name}`, { force: true })
  }
}

/** Undefined for one that is being written, or went meanwhile. */
function readJournal(path: string): Planted | undefined {
  try {
    const read = journalSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    return read.success ? read.data : undefined
  } catch (cause) {
    if (cause instanceof SyntaxError || (cause instanceof Error && 'code' in cause)) return undefined
    throw cause
  }
}
