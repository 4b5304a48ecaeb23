import type { Asked } from './asked.ts'
import { packageId } from './package-name.ts'
import { normalVersion } from './registries/nuget-version.ts'

/** Do both mean one version of one package? A file of NuGet that is asked for without a version, as the newest, may be each. */
export function isSamePackage(a: Asked, b: Asked): boolean {
  if (packageId(a) !== packageId(b)) return false
  const [mine, other] = [versionOf(a), versionOf(b)]
  const mayBeNewest = a.ecosystem === 'nuget' && a.kind === 'artifact' && b.kind === 'artifact'
  return mine === other || (mayBeNewest && (mine === undefined || other === undefined))
}

/** Do both mean one file? What is asked for by its digest is the same, whoever's it is. */
export function isSameFile(a: Asked, b: Asked): boolean {
  const { sha256, sha512 } = a.digests ?? {}
  if (sha256 !== undefined && sha256 === b.digests?.sha256) return true
  if (sha512 !== undefined && sha512 === b.digests?.sha512) return true
  if (a.kind !== b.kind || !isSamePackage(a, b)) return false
  if (a.qualifiers?.['tag'] !== b.qualifiers?.['tag']) return false
  // The key of a Debian file is the address that its index has: other addresses may redirect to the same file.
  return a.ecosystem === 'deb' || a.key === undefined || b.key === undefined || a.key === b.key
}

function versionOf({ ecosystem, version }: Asked): string | undefined {
  if (version === undefined) return undefined
  if (ecosystem === 'nuget') return normalVersion(version)
  // The name of a Debian file lacks the epoch that its index has.
  return ecosystem === 'deb' ? version.replace(/^\d+:/, '') : version
}
