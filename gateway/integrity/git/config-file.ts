/**
 * The values of a repository's own configuration by `section.key` in lower case, `section.name.key` where there is a name;
 * the last of each counts. Includes are not followed: nothing that matters to us may stand in another file. Text that is
 * no configuration gives nothing.
 */
export function parseGitConfig(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  let section = ''
  for (const line of text.replace(/\\\r?\n/g, '').split('\n')) {
    const head = /^\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line)
    if (head !== null) {
      const [, name = '', part] = head
      section = part === undefined ? name.toLowerCase() : `${name.toLowerCase()}.${part.replace(/\\(.)/g, '$1')}`
    }
    const rest = head === null ? line : line.slice(head[0].length)
    const [, key, raw] = /^\s*([A-Za-z][\w-]*)\s*(?:=\s*(.*))?$/.exec(rest.replace(/\r$/, '')) ?? []
    if (key !== undefined) values.set(`${section}.${key.toLowerCase()}`, raw === undefined ? 'true' : unquoted(raw))
  }
  return values
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b' }

/** git-config(1), "Syntax": quotes anywhere, comments outside of them. */
function unquoted(raw: string): string {
  let value = ''
  let isQuoted = false
  let kept = 0
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw.charAt(at)
    if (character === '"') isQuoted = !isQuoted
    else if (!isQuoted && (character === '#' || character === ';')) break
    else if (character === '\\') {
      at += 1
      const escaped = raw.charAt(at)
      value += escapes[escaped] ?? escaped
    } else value += character
    if (isQuoted || !/\s/.test(character)) kept = value.length
  }
  return value.slice(0, kept)
}
