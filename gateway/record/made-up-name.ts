/**
 * Does a label of this name look like data instead of a word: 16 or more hexadecimal digits, or 20 or more characters with
 * at least four digits among them? Such names carry secrets to whoever answers for the domain. Pure; errs both ways, so it
 * only groups rows and withholds advice.
 */
export function isMadeUp(host: string): boolean {
  return host.split('.').some(label => hexadecimal.test(label) || crowded.test(label))
}

const hexadecimal = /^(?=.*\d)[0-9a-f]{16,}$/
const crowded = /^(?=(?:\D*\d){4})[0-9a-z_-]{20,}$/
