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

/** One part that looks at a job. Disposed after the job's last flow, before its record is sealed. */
export interface InsightPart extends AsyncDisposable {
  readonly insight?: Insight
  /** Added to the job's environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** What the job's command writes to its output, where the gateway carries it. Must not throw. */
  output?(part: Buffer): void
  /** Files to be written beside the log when the job is over: name and text. */
  artifacts?(): readonly { readonly name: string; readonly text: string }[]
  /** Why the run must end with a failure, in one sentence. */
  failure?(): string | undefined
}
