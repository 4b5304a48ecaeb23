/** An object of a parsed JSON text, and its fields; everything else has none. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}

export function textField(value: unknown, name: string): string | undefined {
  const found = field(value, name)
  return typeof found === 'string' ? found : undefined
}

export function listField(value: unknown, name: string): readonly unknown[] {
  const found: unknown = field(value, name)
  return Array.isArray(found) ? found : []
}

export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

/** Unix milliseconds of an RFC 3339 time; undefined for anything else, and for years in which nothing was published. */
export function timeOf(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\d/.test(text)) return undefined
  const time = Date.parse(text)
  return time > Date.UTC(1990, 0) && time < Date.UTC(2200, 0) ? time : undefined
}
