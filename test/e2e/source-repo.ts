import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Lab } from '../lab/lab.ts'
import type { Line } from './record-check.ts'

/** Makes a repository with one commit of these files, and answers with the commit. */
export async function makeRepository(
  lab: Lab,
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  const { exitCode, stdout, stderr } = await lab.host.exec('sh', [
    '-c',
    `cd "$0" && git init -q -b main && git add -A && ${commit('first')} && git rev-parse HEAD`,
    folder,
  ])
  if (exitCode !== 0) throw new Error(`git: ${stderr}`)
  return stdout.trim()
}

/** A shell command that commits what is staged. */
export function commit(message: string): string {
  return `git -c user.name=lab -c user.email=lab@example.com commit -q -m ${message}`
}

/** Lines about files, as event, path and the program that did it. */
export function fileEvents(lines: readonly Line[]): readonly string[] {
  return lines
    .filter(({ layer }) => layer === 'file')
    .map(({ event, path, process }) => `${event} ${path} ${process?.exe.split('/').at(-1) ?? '-'}`)
}
