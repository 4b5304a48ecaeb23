import semver from 'semver'

/** Semantic versions of npm, Cargo and Go (whose `v` and `+incompatible` say nothing here); undefined when one is none. */
export function compareSemver(a: string, b: string): number | undefined {
  const [left, right] = [semver.parse(a), semver.parse(b)]
  return left === null || right === null ? undefined : semver.compare(left, right)
}

/** npm's ranges (`^1.2 || 3.x`): pre-releases count, as a range that denies must not miss one. Undefined: it is no range. */
export function npmRange(range: string): ((version: string) => boolean | undefined) | undefined {
  const parsed = semver.validRange(range)
  if (parsed === null) return undefined
  return version => {
    const exact = semver.parse(version)
    return exact === null ? undefined : semver.satisfies(exact, parsed, { includePrerelease: true })
  }
}
