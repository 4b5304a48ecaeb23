import { readFile, writeFile } from 'node:fs/promises'

const begin = '<!-- results: written by make bench -->'
const end = '<!-- end of results -->'

/** Puts `results` between the markers of the document at `path`. @throws Error when the markers are not there */
export async function writeResults(path: string, results: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`${path} has no markers for the results`)
  await writeFile(path, `${text.slice(0, from + begin.length)}\n\n${results.trim()}\n\n${text.slice(to)}`)
}
