import { fileURLToPath } from 'node:url'
import { detectNeeds, isWanted } from '../../../../gateway/policy/detect/detect.ts'
import type { Machine } from '../../../../gateway/policy/detect/detector.ts'
import { placeText } from '../../../../gateway/policy/detect/finding.ts'
import { defaultBounds, readProject } from '../../../../gateway/policy/detect/project-files.ts'
import { type Detection, gatherFindings } from '../../../../gateway/policy/detect/render.ts'
import { quietMachine } from './quiet-machine.ts'

/** Folder of the sample projects. */
export const fixtures = fileURLToPath(new URL('../../../fixtures/detect/', import.meta.url))

/** What one sample project needs, on a machine that says nothing unless given. */
export async function detected(project: string, machine: Machine = quietMachine()): Promise<Detection> {
  const { files, findings } = await readProject(
    `${fixtures}${project}`,
    isWanted,
    defaultBounds,
    AbortSignal.timeout(30_000),
  )
  return gatherFindings([...findings, ...(await detectNeeds(files, machine, () => undefined))])
}

/** `RULE # PLACES`, `use NAME # PLACES`, sorted. */
export function linesOf({ allow, use }: Detection): readonly string[] {
  return [
    ...allow.map(({ rule, places }) => `${rule} # ${places.map(placeText).join(' ')}`),
    ...use.map(({ preset, places }) => `use ${preset} # ${places.map(placeText).join(' ')}`),
  ].toSorted()
}
