/** Where something was found. `file` is relative to the project, or `~/…`, or a command such as `npm config list`. */
export interface Place {
  readonly file: string
  /** 1-based; absent when a command, or a file as a whole, says it. */
  readonly line?: number
}

/** One thing a project needs, or one thing worth saying about what it needs. */
export type Finding =
  | {
      readonly kind: 'rule'
      readonly tool: string
      /** A line for `allow:` (contracts.md §1), without credentials. */
      readonly rule: string
      readonly place: Place
      /** True when this is where the tool goes for whatever names no registry of its own. */
      readonly isDefault?: boolean
    }
  | { readonly kind: 'preset'; readonly tool: string; readonly preset: string; readonly place: Place }
  | { readonly kind: 'note'; readonly tool: string; readonly text: string; readonly place?: Place }
  | { readonly kind: 'warning'; readonly text: string; readonly place: Place }

/** A text that was read, and the name it goes by in evidence. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** A file that is not what its name says. The message never quotes the file: it may hold credentials. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly line: number | undefined

  constructor(message: string, line?: number) {
    super(message)
    this.line = line
  }
}

/** The 1-based line of a character offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

/** `npm:12`, `~/.npmrc`, `npm config list`. */
export function placeText(place: Place): string {
  return place.line === undefined ? place.file : `${place.file}:${place.line}`
}
