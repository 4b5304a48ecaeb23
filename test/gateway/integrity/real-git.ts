import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const environment = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'lab',
  GIT_AUTHOR_EMAIL: 'lab@example.com',
  GIT_COMMITTER_NAME: 'lab',
  GIT_COMMITTER_EMAIL: 'lab@example.com',
  GIT_ALLOW_PROTOCOL: 'file',
}

/** Runs git, with no configuration but the repository's; what it prints, one character per octet. */
export function git(folder: string, ...args: readonly string[]): string {
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  return execFileSync('git', args, { cwd: folder, env: environment, stdio: [...stdio], maxBuffer: 2 ** 28 }).toString(
    'latin1',
  )
}

/** Why there is no git here; undefined when there is one. */
export function whyNoGit(): string | false {
  try {
    git('/', '--version')
    return false
  } catch {
    return 'git is not installed'
  }
}

export function write(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
}

/** Commits everything, and answers with the commit. */
export function commitAll(folder: string, message = 'x'): string {
  git(folder, 'add', '-A')
  git(folder, 'commit', '-q', '--allow-empty', '-m', message)
  return git(folder, 'rev-parse', 'HEAD').trim()
}

/** What git says a commit holds, as `path id`, sorted. */
export function lsTree(folder: string, commit: string): readonly string[] {
  return git(folder, 'ls-tree', '-rz', commit)
    .split('\0')
    .filter(line => line !== '')
    .map(line => {
      const [facts = '', path = ''] = line.split('\t')
      return `${path} ${facts.split(' ')[2]}`
    })
    .toSorted()
}
