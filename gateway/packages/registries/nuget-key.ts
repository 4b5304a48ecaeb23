/** The key of an entry (OData): `Packages(Id='ID',Version='VERSION')`, in either order. */
const key = /^Packages\(([^()]{1,300})\)$/i

/** The package that it names; undefined when the text is no such key. */
export function nameInKey(text: string): string | undefined {
  return idIn(key.exec(text)?.[1])
}

/** The version that it names. */
export function versionInKey(text: string): string | undefined {
  return /(?:^|,)\s?Version='([^']{1,100})'/i.exec(key.exec(text)?.[1] ?? '')?.[1]
}

/** `Id='ID'` among arguments. */
export function idIn(words = ''): string | undefined {
  return /(?:^|,)\s?Id='([^']{1,100})'/i.exec(words)?.[1]
}
