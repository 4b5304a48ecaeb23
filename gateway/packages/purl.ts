import { PackageURL } from 'packageurl-js'
import type { Asked } from './asked.ts'

/** The package URL of what is asked for; without version where `bare`. Undefined when there can be none. */
export function purlOf(asked: Asked, bare = false): string | undefined {
  if (asked.name === '') return undefined
  const { ecosystem, namespace, name, version, qualifiers } = asked
  const { checksum: _, ...kept } = qualifiers ?? {}
  try {
    // An image's repository stands in a qualifier, and nowhere else.
    const path = ecosystem === 'oci' ? undefined : namespace
    return new PackageURL(ecosystem, path, name, bare ? undefined : version, bare ? undefined : kept).toString()
  } catch {
    // The library is stricter about some names than registries are; what has no package URL is told by host and path.
    return undefined
  }
}
