import { repositoryConfig, type Repository } from './git/repository.ts'
import { type Budget, markAt } from './content.ts'
import { objectId } from './git/object-id.ts'
import { readPlain, type OctetPath } from './plain-file.ts'
import { type Difference, Snapshot } from './snapshot.ts'
import type { Watching } from './watching.ts'

interface Hooks {
  readonly repository: Repository
  readonly folders: readonly Snapshot[]
  configMark: string | undefined
  /** Settings that name programs git runs by itself. */
  programs: string
}

const longestHook = 65_536
/** Settings that have git run something at the next command, whatever it is. */
const programSettings = ['core.hookspath', 'core.fsmonitor', 'core.sshcommand'] as const

/** What git runs by itself in the repositories of the workspace: hooks, and the settings that name others. */
export class HookWatch {
  readonly #watching: Watching
  readonly #hooks = new Map<OctetPath, Hooks>()

  constructor(watching: Watching) {
    this.#watching = watching
  }

  /** Takes the hooks of these repositories as they are; those known already stay what they were. */
  adopt(repositories: readonly Repository[]): void {
    for (const repository of repositories) {
      const { commonDir, gitDir } = repository
      if (this.#hooks.has(gitDir)) continue
      this.#watching.watchFolder(commonDir, true)
      const folders = [...new Set([`${commonDir}/hooks`, hooksPath(repository)])].flatMap(folder =>
        folder === undefined ? [] : [folder],
      )
      for (const folder of folders) this.#watching.watchFolder(folder, true)
      this.#hooks.set(gitDir, {
        repository,
        folders: folders.map(folder => new Snapshot(folder, true, name => !name.endsWith('.sample'))),
        configMark: markAt(commonDir, 'config'),
        programs: programsOf(commonDir),
      })
    }
  }

  /** Is this a place whose notices may be about hooks? */
  isHere(path: OctetPath): boolean {
    return [...this.#hooks.values()].some(
      ({ repository, folders }) =>
        path === `${repository.commonDir}/config` || folders.some(({ folder }) => path.startsWith(`${folder}/`)),
    )
  }

  /** What changed since this was asked last. */
  changes(budget: Budget): readonly Difference[] {
    return [...this.#hooks.values()].flatMap(hooks => [
      ...hooks.folders.flatMap(folder => folder.differences(budget).filter(isHook)),
      ...configChange(hooks),
    ])
  }
}

function configChange(hooks: Hooks): readonly Difference[] {
  const { commonDir } = hooks.repository
  const mark = markAt(commonDir, 'config')
  if (mark === hooks.configMark) return []
  hooks.configMark = mark
  const programs = programsOf(commonDir)
  if (programs === hooks.programs) return []
  hooks.programs = programs
  return [{ path: `${commonDir}/config`, kind: 'changed', before: undefined, after: blobOf(`${commonDir}/config`) }]
}

function blobOf(path: OctetPath): string | undefined {
  const content = readPlain(path, 1_048_576)
  return typeof content === 'string' ? undefined : objectId('sha1', 'blob', content)
}

function programsOf(commonDir: OctetPath): string {
  const config = repositoryConfig(commonDir)
  return JSON.stringify(programSettings.map(name => config.get(name)))
}

function hooksPath({ commonDir, workTree }: Repository): OctetPath | undefined {
  const path = repositoryConfig(commonDir).get('core.hookspath')
  if (path === undefined || path === '') return undefined
  return path.startsWith('/') ? path : `${workTree}/${path}`
}

/** Samples are never run, and not even looked at; Git LFS puts in four that do nothing but call it. */
function isHook({ path, kind }: Difference): boolean {
  if (kind === 'gone') return true
  const text = readPlain(path, longestHook)
  return typeof text === 'string' || !isLfsHook(path, text.toString('latin1'))
}

function isLfsHook(path: OctetPath, text: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (!['pre-push', 'post-checkout', 'post-commit', 'post-merge'].includes(name)) return false
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  // Strings in which nothing is expanded, and no quote is hidden.
  const check =
    /^command -v git-lfs >\/dev\/null 2>&1 \|\| \{ (?:printf|echo) >&2(?: "(?:[^"`$\\]|\\n)*")+; exit 2; \}$/
  return lines.length > 0 && lines.every(line => line === `git lfs ${name} "$@"` || check.test(line))
}
