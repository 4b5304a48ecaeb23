/** A suggested policy after a person read it: what they keep, what they strike. */
export interface Review {
  readonly kept: string
  readonly struck: readonly string[]
}

/**
 * Plays the reviewer of the demo, who knows one thing: Acme's builds need Acme's hosts. Every rule that names another host is
 * struck. Mode becomes `block`.
 */
export function review(suggested: string): Review {
  const struck: string[] = []
  const kept = suggested
    .split('\n')
    .filter(line => {
      const isRule = /^\s+- /.test(line)
      if (!isRule || /[/@. "']acme\.test\b|\.acme\.test\b/.test(line)) return true
      struck.push(line.trim())
      return false
    })
    .join('\n')
    .replace(/^mode: audit/m, 'mode: block')
  return { kept, struck }
}
