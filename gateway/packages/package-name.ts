import type { Asked, Ecosystem } from './asked.ts'
import { normalName } from './registries/pypi.ts'

type Named = Pick<Asked, 'ecosystem' | 'namespace' | 'name'>

/** One package as it is compared: the same for all ways to write its name. */
export function packageId({ ecosystem, namespace, name }: Named): string {
  if (ecosystem === 'pypi') return `pypi ${normalName(name)}`
  // A distribution's packages are told apart by their names alone: not every archive says whose it is.
  if (ecosystem === 'deb' || ecosystem === 'apk' || namespace === undefined) return `${ecosystem} ${name.toLowerCase()}`
  return `${ecosystem} ${namespace}/${name}`.toLowerCase()
}

const ecosystems: Readonly<Record<Ecosystem, true>> = {
  npm: true,
  pypi: true,
  maven: true,
  nuget: true,
  golang: true,
  cargo: true,
  gem: true,
  oci: true,
  deb: true,
  apk: true,
}

export function isEcosystem(text: string): text is Ecosystem {
  return Object.hasOwn(ecosystems, text)
}

/** A package as its package manager writes it, each way that there is: what an `internal` pattern is held against. */
export function spellings({ ecosystem, namespace, name }: Named): readonly string[] {
  if (namespace === undefined || ecosystem === 'deb' || ecosystem === 'apk') return [name]
  return ecosystem === 'maven' ? [namespace, `${namespace}:${name}`, `${namespace}.${name}`] : [`${namespace}/${name}`]
}
