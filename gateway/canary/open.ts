import { randomBytes } from 'node:crypto'
import type { InsightHost, InsightPart } from '../insight/part.ts'
import { canaryFileName, renderCanaryFile } from './canary-file.ts'
import { makeDecoys } from './decoys.ts'
import { openGarden } from './garden.ts'
import { Sighted } from './sighted.ts'
import { CanaryWatch } from './watch.ts'

/**
 * Plants fake credentials in a job and watches for them (docs/canaries.md). Disposing takes the planted files away.
 * Never throws: what cannot be planted is told to `onWarning`.
 */
export async function openCanaries(host: InsightHost): Promise<InsightPart> {
  const seed = randomBytes(32)
  const { canaries, environment, files } = makeDecoys(seed)
  const own = Object.entries(environment).filter(([name]) => host.environment[name] === undefined)
  const home = host.environment['HOME']
  using opening = new DisposableStack()
  if (home?.startsWith('/') === true) opening.use(openGarden(home, files, { onWarning: host.onWarning }))
  const watch = new CanaryWatch(canaries, new Sighted(host), ({ what, host: to, port, flow, process }) => {
    const note = `What was sent in ${what} to ${to} grows so much when it is unpacked that not all of it was looked through for canaries.`
    host.alarm({ kind: 'unwatched', note, host: to, port, flow, process })
  })
  const owned = opening.move()
  return {
    insight: watch,
    environment: Object.fromEntries(own),
    output: (part, stream) => watch.output(part, stream),
    artifacts: () => [{ name: canaryFileName, text: renderCanaryFile(host.job, seed), isPrivate: true }],
    async [Symbol.asyncDispose]() {
      owned.dispose()
    },
  }
}
