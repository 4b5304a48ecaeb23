import type { CheckpointAnswer } from '../control/source-requests.ts'
import type { AlarmKind, FileEvent, ProcessInfo } from '../record/event.ts'

/** What the watching thread is started with. */
export interface WatchOptions {
  /** Absolute path of the workspace. */
  readonly workspace: string
  /** `integrity.allow`. */
  readonly allow: readonly string[]
  /** The job's procfs; undefined where it has none. */
  readonly procRoot: string | undefined
  /** The job's network namespace, by which its processes are known in our own procfs. Without either nobody is named. */
  readonly netns: string | undefined
  /** Nothing is read that does not lie in the workspace, whatever links of the job lead there. */
  readonly isConfined: boolean
  /** Folders in which the job looks for programs, first first. */
  readonly toolFolders: readonly string[]
}

/** One change of a file. */
export interface Finding {
  readonly event: FileEvent
  /** Relative to the workspace; absolute for what is outside of it. As text. */
  readonly path: string
  /** Git blob ids; undefined where nothing was, or what it was is not known. */
  readonly before: string | undefined
  readonly after: string | undefined
  readonly process: ProcessInfo | undefined
  /** The sentence of the alarm; undefined for one that is only listed. */
  readonly alarm: string | undefined
}

/** What was taken as the source. */
export interface Baseline {
  /** Folder of the repository, as text. */
  readonly folder: string
  readonly commit: string
  /** The commit before; undefined for the first. */
  readonly was: string | undefined
  readonly files: number
  readonly note: string
}

/** From the watching thread. */
export type Told =
  | { readonly tell: 'ready' }
  | ({ readonly tell: 'finding' } & Finding)
  | ({ readonly tell: 'baseline' } & Baseline)
  | {
      readonly tell: 'alarm'
      readonly kind: Extract<AlarmKind, 'unwatched'>
      readonly note: string
      /** Sources may be other than we think: who wants changes to fail a job wants this to. */
      readonly isBlind: boolean
    }
  | { readonly tell: 'warning'; readonly text: string }
  | { readonly tell: 'answer'; readonly ask: number; readonly answer: CheckpointAnswer }
  | { readonly tell: 'finished' }

/** To the watching thread. */
export type Asked =
  { readonly do: 'checkpoint'; readonly ask: number; readonly folder: string | undefined } | { readonly do: 'finish' }
