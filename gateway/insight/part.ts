import type { Alarm, FlowEvent } from '../record/event.ts'
import type { Policy } from '../policy/policy.ts'
import type { Insight } from './insight.ts'

/** What a part that looks at a job is given of it. */
export interface InsightHost {
  readonly job: string
  /** The policy in force: read it at each decision. */
  readonly policy: () => Policy
  /** Absolute paths as the gateway sees them: where the job starts, and the record's folder. */
  readonly cwd: string
  readonly out: string
  /** A procfs in which the job's processes are seen, with the pids the job itself sees; undefined where there is none. */
  readonly procRoot: string | undefined
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
  /** Why the run must end with a failure, in one sentence. */
  failure?(): string | undefined
}
