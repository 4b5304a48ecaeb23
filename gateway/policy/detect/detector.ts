import { type Finding, type SourceFile, Unreadable } from './finding.ts'
import type { PresetOf } from './image.ts'

/** What the machine a build runs on can tell; every member is bounded in bytes and time, and none runs project code. */
export interface Machine {
  /** Variables of the environment that settings are read from. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** A settings file by absolute path or `~/…`; undefined when there is none. */
  readFile(path: string): Promise<SourceFile | undefined>
  /** Names in a folder by absolute path or `~/…`, sorted; empty when there is none. */
  list(path: string): Promise<readonly string[]>
  /** One file of a zip archive (a jar); undefined when either is missing. */
  readZipped(path: string, name: string): Promise<SourceFile | undefined>
  /** What an installed tool's own print command says. */
  ask(program: string, args: readonly string[]): Promise<Answer>
}

/** What a tool printed, or why it did not: `missing` when it is not installed, `failed` when it failed or took too long. */
export interface Answer {
  /** Empty when there is a fault. */
  readonly text: string
  readonly fault?: 'missing' | 'failed'
}

/** What the reading of the project found so far, for a detector's look at the machine. */
export interface Project {
  /** Paths of all files some detector read, relative to the project. */
  readonly paths: readonly string[]
  /** Everything this detector found in the project's own files. */
  readonly findings: readonly Finding[]
  /** The texts this detector read. */
  readonly files: readonly SourceFile[]
}

/** One ecosystem. */
export interface Detector {
  readonly tool: string
  /** Is this a file it reads? `path` is relative to the project, with slashes. */
  wants(path: string): boolean
  /** What one file says. Pure. @throws Unreadable */
  read(file: SourceFile, presetOf: PresetOf): readonly Finding[]
  /** What the machine's settings add; called only when the project uses the tool. */
  settings?(machine: Machine, project: Project): Promise<readonly Finding[]>
}

/** The last segment of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Is a default registry known already? */
export function hasDefault(findings: readonly Finding[]): boolean {
  return findings.some(finding => finding.kind === 'rule' && finding.isDefault === true)
}

/** What each of some files says; one that is broken is one warning, and the others still count. */
export function readEach(
  files: readonly (SourceFile | undefined)[],
  read: (file: SourceFile) => readonly Finding[],
): readonly Finding[] {
  return files.flatMap(file => {
    if (file === undefined) return []
    try {
      return read(file)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      const place = error.line === undefined ? { file: file.path } : { file: file.path, line: error.line }
      return [{ kind: 'warning', text: `${error.message}; nothing of it was used`, place }]
    }
  })
}
