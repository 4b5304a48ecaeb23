import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The repository's root folder, with a slash at the end. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Files that git tracks or would track and that are there, relative to the root, sorted. */
export function files(ending = ''): readonly string[] {
  const output = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  return [...new Set(output.split('\n'))]
    .filter(name => name !== '' && name.endsWith(ending) && existsSync(`${root}${name}`))
    .toSorted()
}

/** The text of a tracked file. */
export function text(name: string): string {
  return readFileSync(`${root}${name}`, 'utf8')
}

/** The cells of the first Markdown table under a heading, header and rule lines left out. */
export function tableUnder(markdown: string, heading: string): readonly (readonly string[])[] {
  const after = markdown.slice(markdown.indexOf(heading))
  const rows = after.split('\n').filter(line => line.startsWith('|'))
  const end = after.split('\n').findIndex((line, index) => index > 0 && /^#{1,6} /.test(line))
  const section =
    end === -1
      ? rows
      : after
          .split('\n')
          .slice(0, end)
          .filter(line => line.startsWith('|'))
  return section
    .slice(2)
    .map(line => line.split(/(?<!\\)\|/).slice(1, -1))
    .map(cells => cells.map(cell => cell.trim()))
}
