import { absorbEvidence, noEvidence } from './suggest-evidence.ts'
import type { SuggestedPath } from './suggest-paths.ts'

/** Fewer packages than this are listed one by one. */
const fewestPackages = 3

/**
 * The paths that were read of one host, as one pattern for all of it when they are those of an npm registry: three or more
 * packages, each with a tarball at `/NAME/-/…`. A list of packages would refuse the next dependency of a dependency; who may
 * publish there is the registry's to say. Undefined when it is none. Pure.
 */
export function asRegistry(paths: readonly SuggestedPath[]): SuggestedPath | undefined {
  const packages = new Set(paths.flatMap(({ pattern }) => /^\/((?:@[^/]+\/)?[^/]+)\/-\//.exec(pattern)?.[1] ?? []))
  if (packages.size < fewestPackages) return undefined
  const evidence = noEvidence()
  for (const path of paths) absorbEvidence(evidence, path.evidence)
  return { pattern: '/**', evidence }
}
