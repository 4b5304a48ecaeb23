import { combine } from './insight/combine.ts'
import type { Insight } from './insight/insight.ts'
import type { InsightHost, InsightPart } from './insight/part.ts'

/** Everything that looks at one job beside the policy's rules. */
export interface JobInsight extends AsyncDisposable {
  readonly insight: Insight | undefined
  /** Added to the job's environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Takes what the job's command writes; undefined when nobody wants it. */
  readonly output: ((part: Buffer) => void) | undefined
  /** Why the run must end with a failure. */
  readonly failures: () => readonly string[]
}

/** Where artifacts of a job go: beside its log. */
export type WriteArtifact = (name: string, text: string) => Promise<void>

/**
 * Opens what the policy asks to look at. Parts are loaded when they are asked for: a plain run neither waits nor pays for
 * them. Disposing ends them in reverse and writes their artifacts.
 * @throws GatewayError when a part cannot do what the policy asks of it
 */
export async function openInsight(host: InsightHost, writeArtifact: WriteArtifact): Promise<JobInsight> {
  await using opening = new AsyncDisposableStack()
  const parts: InsightPart[] = []
  for (const open of wanted(host)) parts.push(opening.use(await open()))
  const owned = opening.move()
  const listeners = parts.filter(part => part.output !== undefined)
  return {
    insight: combine(parts.flatMap(({ insight }) => (insight === undefined ? [] : [insight]))),
    environment: Object.assign({}, ...parts.map(part => part.environment ?? {})),
    output: listeners.length === 0 ? undefined : bytes => listeners.forEach(part => part.output?.(bytes)),
    failures: () => parts.flatMap(part => part.failure?.() ?? []),
    async [Symbol.asyncDispose]() {
      await owned.disposeAsync()
      for (const { name, text } of parts.flatMap(part => part.artifacts?.() ?? [])) await writeArtifact(name, text)
    },
  }
}

type Open = () => Promise<InsightPart>

/** One line for each part; a part's own folder has an `open.ts`. */
function wanted(host: InsightHost): readonly Open[] {
  const settings = host.policy().insight
  const parts: Open[] = []
  void settings
  return parts
}
