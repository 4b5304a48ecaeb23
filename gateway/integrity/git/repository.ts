import { lstatSync, type Stats } from 'node:fs'
import { fileFault, GatewayError } from '../../errors.ts'
import { clipped } from '../clipped.ts'
import { octets, readPlain, shownPath, type OctetPath } from '../plain-file.ts'
import { parseGitConfig } from './config-file.ts'
import { isId, type ObjectFormat } from './object-id.ts'
import type { ObjectStore } from './object-store.ts'
import { targetOf } from './parse-objects.ts'

/** Where the parts of a repository lie (gitrepository-layout(5)). */
export interface Repository {
  /** The folder that holds `.git`; absolute, normal. */
  readonly workTree: OctetPath
  /** HEAD and index are there. */
  readonly gitDir: OctetPath
  /** Objects, refs, hooks and configuration are there; another than `gitDir` for a further worktree. */
  readonly commonDir: OctetPath
  readonly format: ObjectFormat
}

const mostText = 65_536
const mostConfig = 1_048_576
const mostPackedRefs = 64 * 1_024 * 1_024
const deepestSymref = 5

/**
 * The repository that has its work tree at a folder; undefined when there is none. Nothing of it is run.
 * @throws GatewayError SOURCE_UNREADABLE when it is of a kind that we cannot read
 */
export function findRepository(workTree: OctetPath): Repository | undefined {
  const gitDir = gitDirOf(workTree)
  if (gitDir === undefined) return undefined
  const common = readLine(`${gitDir}/commondir`)
  const commonDir = common === undefined ? gitDir : joined(gitDir, common)
  const head = readPlain(`${gitDir}/HEAD`, mostText)
  if (head === 'unreadable') throw unknown(gitDir, 'permission denied')
  // `git init` writes HEAD before anything can be said of the rest.
  if (typeof head === 'string') {
    if (gitDir === `${workTree}/.git`) return undefined
    throw unknown(workTree, `its .git names ${shown(gitDir)}, where the gateway sees no repository`)
  }
  return { workTree, gitDir, commonDir, format: formatOf(commonDir) }
}

/** `.git` is a folder; or, for submodules and further worktrees, a file that names one. */
function gitDirOf(workTree: OctetPath): OctetPath | undefined {
  const path = `${workTree}/.git`
  let stats: Stats | undefined
  try {
    stats = lstatSync(octets(path), { throwIfNoEntry: false })
  } catch (cause) {
    throw unknown(path, fileFault(cause), cause)
  }
  if (stats === undefined) return undefined
  if (stats.isDirectory()) return path
  const [, named] = /^gitdir: (.+)$/.exec(readLine(path) ?? '') ?? []
  return named === undefined ? undefined : joined(workTree, named)
}

function formatOf(commonDir: OctetPath): ObjectFormat {
  const config = repositoryConfig(commonDir)
  const version = config.get('core.repositoryformatversion') ?? '0'
  if (version !== '0' && version !== '1') throw unknown(commonDir, `its format has version ${version.slice(0, 20)}`)
  const storage = config.get('extensions.refstorage') ?? 'files'
  if (storage !== 'files') throw unknown(commonDir, `it keeps its refs as ${storage.slice(0, 20)}`)
  const format = config.get('extensions.objectformat') ?? 'sha1'
  if (format === 'sha1' || format === 'sha256') return format
  throw unknown(commonDir, `it names objects by ${format.slice(0, 20)}`)
}

/** The repository's own configuration; empty when it cannot be read. */
export function repositoryConfig(commonDir: OctetPath): ReadonlyMap<string, string> {
  const text = readPlain(`${commonDir}/config`, mostConfig)
  return parseGitConfig(typeof text === 'string' ? '' : text.toString('latin1'))
}

/** The commit that is checked out; undefined before the first. @throws GatewayError SOURCE_UNREADABLE */
export function headCommit(repository: Repository): string | undefined {
  const { gitDir, commonDir, format } = repository
  let text = readLine(`${gitDir}/HEAD`)
  for (let depth = 0; text !== undefined && depth <= deepestSymref; depth += 1) {
    if (isId(format, text)) return text
    const [, name] = /^ref:\s*(refs\/\S+)$/.exec(text) ?? []
    if (name === undefined || name.split('/').includes('..')) break
    text = readLine(`${gitDir}/${name}`) ?? readLine(`${commonDir}/${name}`) ?? packedRef(commonDir, name)
  }
  if (text === undefined) return undefined
  throw new GatewayError('SOURCE_UNREADABLE', `HEAD of ${shown(gitDir)} names no commit`)
}

/**
 * The commit that a revision names: `HEAD`, a whole id, a tag, a branch, or the full name of a ref.
 * @throws GatewayError SOURCE_UNREADABLE
 */
export function findCommit(repository: Repository, objects: ObjectStore, revision: string): string {
  const { commonDir, format } = repository
  const named = revision === 'HEAD' ? headCommit(repository) : isId(format, revision) ? revision : undefined
  const safe = /^[^\s\\^~:?*[]+$/.test(revision) && !revision.split('/').includes('..')
  const places = safe ? ['', 'refs/', 'refs/tags/', 'refs/heads/', 'refs/remotes/'] : []
  const candidates = places.map(place => place + revision).filter(name => name.startsWith('refs/'))
  let id = named
  for (const name of candidates) id ??= readLine(`${commonDir}/${name}`) ?? packedRef(commonDir, name)
  for (let depth = 0; id !== undefined && isId(format, id) && depth <= deepestSymref; depth += 1) {
    const object = objects.read(id)
    if (object.type === 'commit') return id
    if (object.type !== 'tag') break
    id = targetOf(format, object.data)
  }
  throw new GatewayError(
    'SOURCE_UNREADABLE',
    `${JSON.stringify(revision)} names no commit of ${shown(repository.workTree)} (HEAD, a whole id, a tag or a branch does)`,
  )
}

function packedRef(commonDir: OctetPath, name: string): string | undefined {
  const packed = readPlain(`${commonDir}/packed-refs`, mostPackedRefs)
  if (typeof packed === 'string') return undefined
  const at = packed.indexOf(` ${name}\n`, 0, 'latin1')
  if (at === -1) return undefined
  return packed.toString('latin1', packed.lastIndexOf('\n', at) + 1, at)
}

function readLine(path: OctetPath): string | undefined {
  const text = readPlain(path, mostText)
  return typeof text === 'string' ? undefined : text.toString('latin1').trimEnd()
}

function joined(folder: OctetPath, path: OctetPath): OctetPath {
  return path.startsWith('/') ? path : `${folder}/${path}`
}

function unknown(commonDir: OctetPath, why: string, cause?: unknown): GatewayError {
  return new GatewayError('SOURCE_UNREADABLE', `the git repository ${shown(commonDir)} cannot be read: ${why}`, {
    cause,
  })
}

/** The job may choose them, 64 KiB long. */
function shown(path: OctetPath): string {
  return clipped(shownPath(path))
}
