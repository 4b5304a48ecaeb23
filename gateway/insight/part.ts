import type { SourceDesk } from '../control/source-requests.ts'
import type { Alarm, FlowEvent } from '../record/event.ts'
import type { Policy } from '../policy/policy.ts'
import type { Insight } from './insight.ts'

/** What a part that looks at a job is given of it. */
export interface InsightHost {
  readonly job: string
  /** The policy in force: read it at each decision. */
  readonly policy: () => Policy
  /** Where the job starts, absolute, as the gateway sees it; undefined where the job has a view of its own. */
  readonly cwd: string | undefined
  /** Where the gateway sees the job's workspace, absolute; undefined where the policy's name for it is right here too. */
  readonly workspace?: string | undefined
  /** The record's folder, absolute. */
  readonly out: string
  /** A procfs in which the job's processes are seen, with the pids the job itself sees; undefined where there is none. */
  readonly procRoot: string | undefined
  /** The job's network namespace (`net:[INODE]`): which of the processes in our own procfs are the job's, where it is known. */
  readonly netns?: string | undefined
  /** The folder that the job sees as /run/tidegate, read-only; undefined where somebody else holds it. */
  readonly jobFolder?: string
  /** The environment that the job would have had. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Tells a finding: log, report, metrics. What is said of the same subject again is counted. */
  alarm(alarm: Alarm): void
  /** Writes a line of its own: `file` lines. */
  write(event: Omit<FlowEvent, 'startedAt'>): void
  /** From now on everything of the job is refused, and what is open is cut (block mode; in audit nothing happens). */
  closeNetwork(): void
  /** Told of facts for whoever runs the gateway: a watch that cannot be had. */
  readonly onWarning: (text: string) => void
}

/** The same for a part whose findings can fail the job, where the policy says so. */
export interface FailableHost extends InsightHost {
  /** The policy wants the job to fail for this: written down at once, each reason once. */
  readonly fail: (why: string) => void
  /** All such reasons so far, of whichever part. */
  readonly failures: () => readonly string[]
}

/** Where a command writes; `both` when its standard output and error are one file. */
export type OutputStream = 'stdout' | 'stderr' | 'both'

/** A file beside the log. */
export interface Artifact {
  readonly name: string
  readonly text: string
  /** Readable by nobody else. */
  readonly isPrivate?: boolean
}

/** Takes what the job's command writes to its output. */
export type TakeOutput = (part: Buffer, stream: OutputStream) => void

/** One part that looks at a job. Disposed after the job's last flow, before its record is sealed. */
export interface InsightPart extends AsyncDisposable {
  readonly insight?: Insight
  /** Added to the job's environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** What the job's command writes to its output, where the gateway carries it. Must not throw. */
  output?(part: Buffer, stream: OutputStream): void
  /** Files to be written beside the log when the job is over. */
  artifacts?(): readonly Artifact[]
  /** Credentials that the job says are its own, by the names of variables: told once, by who claims the job. */
  claimed?(credentials: Readonly<Record<string, string>>): void
  /** Answers the job about its sources. */
  readonly sources?: SourceDesk
}
