import { Expected } from './compare.ts'
import type { Lock } from './lock.ts'
import { rowKey, type SeenRun } from './merge.ts'
import { anomalyText, rowText } from './words.ts'

/** Something that a run did and the baseline does not know, in words. */
export interface Difference {
  readonly job: string
  readonly text: string
}

/** What runs did that their jobs' baselines do not know, each once, in order of job. Pure. */
export function differences(lock: Lock, runs: readonly SeenRun[]): readonly Difference[] {
  const jobs = [...new Set(runs.map(({ job }) => job))].toSorted()
  return jobs.flatMap(job => {
    if (!lock.jobs.has(job)) return [{ job, text: 'the baseline does not know this job' }]
    const expected = new Expected(lock, job)
    const told = new Map<string, string>()
    const reached = new Set<string>()
    for (const { sightings } of runs.filter(run => run.job === job)) {
      // Who goes somewhere asks for its name: that is one difference.
      for (const sighting of sightings.toSorted((a, b) => Number(a.does === 'ask') - Number(b.does === 'ask'))) {
        if (sighting.does === 'ask' && reached.has(sighting.host)) continue
        reached.add(sighting.host)
        const anomaly = expected.anomalyOf(sighting)
        if (anomaly !== undefined) told.set(anomaly.key, anomalyText(anomaly))
      }
    }
    return [...new Set(told.values())].toSorted().map(text => ({ job, text }))
  })
}

/** The rows that one lock has and the other had not, in words. Pure. */
export function additions(before: Lock, after: Lock): readonly Difference[] {
  return [...after.jobs]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([job, { rows }]) => {
      const old = new Set((before.jobs.get(job)?.rows ?? []).map(row => `${rowKey(row)} ${row.only?.join() ?? ''}`))
      return rows
        .filter(row => !old.has(`${rowKey(row)} ${row.only?.join() ?? ''}`))
        .map(row => ({ job, text: rowText(row) }))
    })
}
