import { Unreadable } from './finding.ts'

/** One element of an XML file: the way to it, its attributes, and its text when it has no elements inside. */
export interface XmlElement {
  /** Local names from the root down, this element's last; prefixes are dropped. */
  readonly path: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  readonly text: string
  /** 1-based line of the start tag. */
  readonly line: number
  /** Number of the parent element in document order, to tell siblings of one parent apart; -1 for the root. */
  readonly parent: number
}

const deepest = 64
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * Reads the elements of an XML file in the order of their start tags. A DOCTYPE is passed over and defines nothing: only the five
 * predefined entities and character references mean something, so nothing expands.
 * @throws Unreadable
 */
export function xmlElements(text: string): XmlElement[] {
  const elements: (XmlElement & { text: string })[] = []
  const open: number[] = []
  const token =
    /<!--[^]*?-->|<!\[CDATA\[([^]*?)\]\]>|<\?[^]*?\?>|<!DOCTYPE(?:[^[>]|\[[^\]]*\])*>|<\/([^\s>]+)\s*>|<([A-Za-z_][^\s/>]*)(?=[\s/>])((?:[^"'>/]|"[^"]*"|'[^']*'|\/(?!>))*)(\/?)>|[^<]+/y
  let line = 1
  while (token.lastIndex < text.length) {
    const found = token.exec(text)
    if (found === null) throw new Unreadable('not valid XML', line)
    const [whole, cdata, closing, opening, attributes = '', empty] = found
    const inner = open.at(-1)
    const parent = inner === undefined ? undefined : elements[inner]
    if (opening !== undefined) {
      const path = [...(parent?.path ?? []), local(opening)]
      if (path.length > deepest) throw new Unreadable('nested too deeply', line)
      elements.push({ path, attributes: attributesOf(attributes), text: '', line, parent: inner ?? -1 })
      if (empty !== '/') open.push(elements.length - 1)
    } else if (closing !== undefined) {
      if (parent === undefined || parent.path.at(-1) !== local(closing)) throw new Unreadable('not valid XML', line)
      open.pop()
    } else if (parent !== undefined) {
      if (cdata !== undefined) parent.text += cdata
      else if (!whole.startsWith('<')) parent.text += decoded(whole)
    }
    for (let at = whole.indexOf('\n'); at !== -1; at = whole.indexOf('\n', at + 1)) line += 1
  }
  if (open.length > 0) throw new Unreadable('not valid XML: an element is not closed', line)
  return elements.map(element => ({ ...element, text: element.text.trim() }))
}

function local(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

function attributesOf(text: string): Record<string, string> {
  const found = text.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)
  return Object.fromEntries([...found].map(([, name = '', double, single]) => [name, decoded(double ?? single ?? '')]))
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,8}));/g, (whole, decimal, hex, name) => {
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined
    if (code !== undefined) return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole
    return entities[name] ?? whole
  })
}
