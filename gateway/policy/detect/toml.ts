import type { Entry } from './entry.ts'
import { Unreadable } from './finding.ts'

const deepest = 32

/**
 * Reads the string values of a TOML file with their lines: tables, arrays of tables, dotted and quoted keys, arrays,
 * inline tables, all four kinds of string. Numbers, dates and booleans are passed over unread.
 * @throws Unreadable
 */
export function tomlEntries(text: string): Entry[] {
  return new TomlReader(text).read()
}

class TomlReader {
  readonly #text: string
  readonly #entries: Entry[] = []
  readonly #tables = new Map<string, number>()
  #at = 0
  #line = 1

  constructor(text: string) {
    this.#text = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  }

  read(): Entry[] {
    let table: readonly string[] = []
    for (this.#blank(true); this.#at < this.#text.length; this.#blank(true)) {
      if (this.#take('[[')) {
        table = this.#nextOf(this.#key(']'))
        this.#expect(']]')
      } else if (this.#take('[')) {
        table = this.#within(this.#key(']'))
        this.#expect(']')
      } else {
        this.#pair(table, 0)
      }
      this.#blank(false)
      if (this.#at < this.#text.length && !this.#take('\n')) throw this.#fault('a line has more than one statement')
    }
    return this.#entries
  }

  /** A header below an array of tables belongs to that array's last member. */
  #within(keys: readonly string[]): readonly string[] {
    const path: string[] = []
    for (const key of keys) {
      path.push(key)
      const last = this.#tables.get(path.join('\0'))
      if (last !== undefined) path.push(String(last))
    }
    return path
  }

  #nextOf(keys: readonly string[]): readonly string[] {
    const name = [...this.#within(keys.slice(0, -1)), ...keys.slice(-1)]
    const index = (this.#tables.get(name.join('\0')) ?? -1) + 1
    this.#tables.set(name.join('\0'), index)
    return [...name, String(index)]
  }

  #pair(table: readonly string[], depth: number): void {
    const key = this.#key('=')
    this.#expect('=')
    this.#value([...table, ...key], depth)
  }

  #key(end: string): readonly string[] {
    const keys: string[] = []
    for (;;) {
      this.#blank(false)
      const quote = this.#text[this.#at]
      if (quote === '"' || quote === "'") keys.push(this.#string())
      else {
        const bare = this.#match(/[A-Za-z0-9_-]+/y)
        if (bare === undefined) throw this.#fault('a key was expected')
        keys.push(bare)
      }
      this.#blank(false)
      if (this.#text.startsWith(end, this.#at)) return keys
      this.#expect('.')
    }
  }

  #value(path: readonly string[], depth: number): void {
    if (depth > deepest) throw this.#fault('nested too deeply')
    this.#blank(false)
    const first = this.#text[this.#at]
    if (first === '"' || first === "'") {
      const line = this.#line
      this.#entries.push({ path, value: this.#string(), line })
    } else if (this.#take('[')) {
      for (let index = 0; ; index += 1) {
        this.#blank(true)
        if (this.#take(']')) return
        this.#value([...path, String(index)], depth + 1)
        this.#blank(true)
        if (!this.#take(',') && this.#text[this.#at] !== ']') throw this.#fault('an array is not closed')
      }
    } else if (this.#take('{')) {
      for (;;) {
        this.#blank(true)
        if (this.#take('}')) return
        this.#pair(path, depth + 1)
        this.#blank(true)
        if (!this.#take(',') && this.#text[this.#at] !== '}') throw this.#fault('an inline table is not closed')
      }
    } else if (this.#match(/[^\s,\]}#]+(?: \d[^\s,\]}#]*)?/y) === undefined) {
      throw this.#fault('a value was expected')
    }
  }

  #string(): string {
    const line = this.#line
    for (const [quote, isLiteral] of [
      ['"""', false],
      ["'''", true],
      ['"', false],
      ["'", true],
    ] as const) {
      if (!this.#take(quote)) continue
      const start = this.#at
      for (; this.#at < this.#text.length; this.#at += 1) {
        if (this.#text.startsWith(quote, this.#at)) {
          const raw = this.#text.slice(start, this.#at)
          this.#at += quote.length
          return isLiteral ? raw : raw.replaceAll(/\\(["\\/])/g, '$1')
        }
        const char = this.#text[this.#at]
        if (char === '\n') {
          if (quote.length === 1) break
          this.#line += 1
        } else if (char === '\\' && !isLiteral) {
          this.#at += 1
          if (this.#text[this.#at] === '\n') this.#line += 1
        }
      }
      break
    }
    throw new Unreadable('not valid TOML: a string is not closed', line)
  }

  /** Passes over white space and comments, and over line ends when `lines`. */
  #blank(lines: boolean): void {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at]
      if (char === '#') {
        const end = this.#text.indexOf('\n', this.#at)
        this.#at = (end === -1 ? this.#text.length : end) - 1
      } else if (char === '\n') {
        if (!lines) return
        this.#line += 1
      } else if (char !== ' ' && char !== '\t') return
    }
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false
    this.#at += token.length
    if (token === '\n') this.#line += 1
    return true
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw this.#fault(`'${token}' was expected`)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #fault(message: string): Unreadable {
    return new Unreadable(`not valid TOML: ${message}`, this.#line)
  }
}
