import type { Baseline } from './baseline/open.ts'
import type { SourceDesk } from './control/source-requests.ts'
import { combine } from './insight/combine.ts'
import { guarded } from './insight/guarded.ts'
import type { Insight } from './insight/insight.ts'
import type { Artifact, FailableHost, InsightHost, InsightPart, TakeOutput } from './insight/part.ts'

/** Everything that looks at one job beside the policy's rules. */
export interface JobInsight extends AsyncDisposable {
  readonly insight: Insight | undefined
  /** Added to the job's environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Takes what the job's command writes; undefined when nobody wants it. */
  readonly output: TakeOutput | undefined
  /** Tells the parts which credentials are the job's own. */
  readonly claimed: (credentials: Readonly<Record<string, string>>) => void
  /** Answers the job about its sources; undefined when nobody watches them. */
  readonly sources: SourceDesk | undefined
  /** Why the policy fails the job, so far; each reason has its line in the log. */
  readonly failures: () => readonly string[]
}

/** Where artifacts of a job go: beside its log. */
export type WriteArtifact = (artifact: Artifact) => Promise<void>

/**
 * Opens what the policy asks to look at. Parts are loaded when they are asked for: a plain run neither waits nor pays for
 * them. Disposing ends them in reverse and writes their artifacts.
 * @throws GatewayError when a part cannot do what the policy asks of it
 */
export async function openInsight(
  job: InsightHost,
  writeArtifact: WriteArtifact,
  baseline?: Baseline,
): Promise<JobInsight> {
  const host = failable(job)
  await using opening = new AsyncDisposableStack()
  const parts: InsightPart[] = []
  for (const open of wanted(host, baseline)) parts.push(opening.use(await open()))
  const owned = opening.move()
  const failed = (cause: unknown): void => {
    const why = cause instanceof Error ? cause.message : String(cause)
    const note = `a fault of ours while looking at what the job did, which was refused (block) or not looked at (audit): ${why}`
    host.alarm({ kind: 'unwatched', note: note.slice(0, 512) })
    host.onWarning(note)
  }
  const listeners = parts.filter(part => part.output !== undefined)
  return {
    insight: combine(parts.flatMap(({ insight }) => (insight === undefined ? [] : [guarded(insight, failed)]))),
    environment: Object.assign({}, ...parts.map(part => part.environment ?? {})),
    output:
      listeners.length === 0 ? undefined : (bytes, stream) => listeners.forEach(part => part.output?.(bytes, stream)),
    claimed: credentials => parts.forEach(part => part.claimed?.(credentials)),
    sources: parts.find(part => part.sources !== undefined)?.sources,
    failures: host.failures,
    async [Symbol.asyncDispose]() {
      try {
        await owned.disposeAsync()
      } finally {
        // What a part has found is kept, also when another does not end well.
        for (const artifact of parts.flatMap(part => part.artifacts?.() ?? [])) await writeArtifact(artifact)
      }
    },
  }
}

/** Keeps the reasons for which the policy fails the job, and writes each down when it is found. */
function failable(job: InsightHost): FailableHost {
  const reasons = new Set<string>()
  return {
    ...job,
    fail(why) {
      if (reasons.has(why)) return
      reasons.add(why)
      job.write({ layer: 'job', event: 'failed', details: { note: why.slice(0, 512) } })
    },
    failures: () => [...reasons],
  }
}

type Open = () => Promise<InsightPart>

/** One line for each part; a part's own folder has an `open.ts`. */
function wanted(host: FailableHost, baseline: Baseline | undefined): readonly Open[] {
  const settings = host.policy().insight
  const parts: Open[] = []
  if (settings.integrity !== undefined)
    parts.push(async () => (await import('./integrity/open.ts')).openIntegrity(host))
  if (settings.packages !== undefined) parts.push(async () => (await import('./packages/open.ts')).openPackages(host))
  if (settings.tokens !== undefined)
    parts.push(async () => (await import('./permissions/open.ts')).openPermissions(host))
  if (baseline !== undefined || settings.anomalies !== undefined)
    parts.push(async () => (await import('./baseline/open.ts')).openBaseline(host, baseline))
  if (settings.canaries === true) parts.push(async () => (await import('./canary/open.ts')).openCanaries(host))
  return parts
}
