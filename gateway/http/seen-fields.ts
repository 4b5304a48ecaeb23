import type { SeenFields } from '../insight/insight.ts'

/** White space around a value (RFC 9110 §5.5); what `trim()` takes beside it are octets of the value. */
const around = /^[ \t]+|[ \t]+$/g

/** The fields of an HTTP/1 head that was found well-formed: read from its bytes, and only when somebody looks. */
export function fieldsOfHead(bytes: Buffer, end: number): SeenFields {
  return new ListedFields(() => {
    const [, ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
    return lines
      .filter(line => line !== '')
      .map(line => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(around, '')] as const
      })
  })
}

/** The fields of an HTTP/2 head: names and values in turn. Pseudo-fields are not shown. */
export function fieldsOfStream(raw: readonly string[]): SeenFields {
  return new ListedFields(() =>
    raw.flatMap((name, at) => (at % 2 === 1 || name.startsWith(':') ? [] : [[name, raw[at + 1] ?? ''] as const])),
  )
}

class ListedFields implements SeenFields {
  readonly #read: () => readonly (readonly [string, string])[]
  #list: readonly (readonly [string, string])[] | undefined

  constructor(read: () => readonly (readonly [string, string])[]) {
    this.#read = read
  }

  get(name: string): string | undefined {
    return this.#all().find(([own]) => own === name)?.[1]
  }

  entries(): Iterable<readonly [string, string]> {
    return this.#all()
  }

  #all(): readonly (readonly [string, string])[] {
    this.#list ??= this.#read()
    return this.#list
  }
}
