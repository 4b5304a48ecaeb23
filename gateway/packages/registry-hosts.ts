import type { Ecosystem } from './asked.ts'

/** Where each package manager goes unless told otherwise. */
const usual: readonly (readonly [Ecosystem, string])[] = [
  ['npm', 'registry.npmjs.org'],
  ['npm', 'registry.yarnpkg.com'],
  ['pypi', 'pypi.org'],
  ['pypi', 'files.pythonhosted.org'],
  ['cargo', 'index.crates.io'],
  ['cargo', 'static.crates.io'],
  ['cargo', 'crates.io'],
  ['gem', 'rubygems.org'],
  ['gem', 'index.rubygems.org'],
]

const most = 512

/** The registries of a job: the usual ones, and those that its package managers have asked for packages. */
export class RegistryHosts {
  readonly #known = new Set(usual.map(([ecosystem, host]) => `${ecosystem} ${host}`))

  add(ecosystem: Ecosystem, authority: string): void {
    if (this.#known.size < most) this.#known.add(`${ecosystem} ${authority}`)
  }

  has(ecosystem: Ecosystem, authority: string): boolean {
    return this.#known.has(`${ecosystem} ${authority}`)
  }
}
