import { opendir, realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { GatewayError } from '../../errors.ts'
import { faultText, maxFileBytes, readText } from './bounded-read.ts'
import type { Finding, SourceFile } from './finding.ts'

/** Bounds of one look at a project; what lies beyond is said, never silently left out. */
export interface Bounds {
  /** Folders below the project, 0 or more. */
  readonly depth: number
  /** Names looked at. */
  readonly names: number
  /** Files read. */
  readonly files: number
  /** All files read together, bytes. */
  readonly bytes: number
}

export const defaultBounds: Bounds = { depth: 8, names: 100_000, files: 2_000, bytes: 268_435_456 }

/** What others wrote or tools made: not the project's own configuration. */
const skipped = new Set([
  '.git',
  '.hg',
  '.svn',
  'node_modules',
  '.venv',
  'venv',
  '.tox',
  '__pycache__',
  '.terraform',
  '.gradle',
  '.next',
  '.yarn',
  'target',
  'vendor',
])

/**
 * Reads the files of a project that `wants` names, in the order of their paths. Links to files inside the project are followed,
 * links to folders or out of it are not.
 * @throws GatewayError USAGE when `directory` is not a folder that can be read.
 */
export async function readProject(
  directory: string,
  wants: (path: string) => boolean,
  bounds: Bounds,
  signal: AbortSignal,
): Promise<{ readonly root: string; readonly files: readonly SourceFile[]; readonly findings: readonly Finding[] }> {
  const root = await realpath(directory).catch((cause: unknown) => {
    throw new GatewayError('USAGE', `detect: no such folder: ${directory}`, { cause })
  })
  const findings: Finding[] = []
  const paths = await wantedPaths(root, wants, bounds, findings, signal)
  const files: SourceFile[] = []
  let bytes = 0
  for (const path of paths) {
    signal.throwIfAborted()
    const warn = (text: string): number => findings.push({ kind: 'warning', text, place: { file: path } })
    if (files.length >= bounds.files || bytes >= bounds.bytes) {
      warn(
        `was not read, nor was what follows it: a look ends after ${bounds.files} files or ${Math.round(bounds.bytes / 1_048_576)} MiB`,
      )
      break
    }
    const target = await realpath(join(root, path)).catch(() => undefined)
    if (target === undefined || !isInside(root, target)) {
      warn(target === undefined ? 'is a link to nothing' : 'is a link out of the project, so it was not followed')
      continue
    }
    const read = await readText(target, maxFileBytes, false)
    if (typeof read === 'string') {
      warn(faultText[read])
      continue
    }
    bytes += read.text.length
    files.push({ path, text: read.text })
  }
  return { root, files, findings }
}

async function wantedPaths(
  root: string,
  wants: (path: string) => boolean,
  bounds: Bounds,
  findings: Finding[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] =
    wants('.git/config') && !((await readText(join(root, '.git/config'), maxFileBytes, false)) === 'missing')
      ? ['.git/config']
      : []
  const folders = [{ path: root, depth: 0 }]
  let names = 0
  let tooDeep: string | undefined
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const here = relative(root, folder.path).split(sep).join('/')
    let entries
    try {
      entries = await opendir(folder.path)
    } catch (cause) {
      if (folder.path === root)
        throw new GatewayError('USAGE', `detect: not a folder that can be read: ${root}`, { cause })
      findings.push({ kind: 'warning', text: 'could not be read', place: { file: here } })
      continue
    }
    for await (const entry of entries) {
      signal.throwIfAborted()
      if ((names += 1) > bounds.names) {
        findings.push({
          kind: 'warning',
          text: `the project has more than ${bounds.names} names: the rest was not looked at`,
          place: { file: here },
        })
        return found.toSorted()
      }
      const path = here === '' ? entry.name : `${here}/${entry.name}`
      if (entry.isDirectory()) {
        if (skipped.has(entry.name)) continue
        if (folder.depth < bounds.depth) folders.push({ path: join(folder.path, entry.name), depth: folder.depth + 1 })
        else tooDeep ??= path
      } else if (wants(path)) found.push(path)
    }
  }
  if (tooDeep !== undefined) {
    const text = `folders deeper than ${bounds.depth} levels were not looked at, this one for example`
    findings.push({ kind: 'warning', text, place: { file: `${tooDeep}/` } })
  }
  return found.toSorted()
}

/** Is `path` the folder `root` or below it? Both absolute and real. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}
