import { GatewayError } from '../../errors.ts'
import type { OctetPath } from '../plain-file.ts'
import { idBytes, isId, type ObjectFormat } from './object-id.ts'

/** One entry of a tree. */
export interface TreeEntry {
  readonly name: OctetPath
  readonly kind: 'file' | 'executable' | 'link' | 'folder' | 'submodule'
  readonly id: string
}

const kinds: Readonly<Record<string, TreeEntry['kind']>> = {
  '100644': 'file',
  // Old versions of git wrote group-writable files.
  '100664': 'file',
  '100755': 'executable',
  '120000': 'link',
  '40000': 'folder',
  '040000': 'folder',
  '160000': 'submodule',
}

/**
 * The entries of a tree object. A name that leads anywhere else is an error, as for git itself (fsck: `hasDotgit` and others).
 * @throws GatewayError SOURCE_UNREADABLE
 */
export function parseTree(format: ObjectFormat, data: Buffer): readonly TreeEntry[] {
  const entries: TreeEntry[] = []
  const size = idBytes[format]
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at)
    const end = data.indexOf(0, space)
    if (space === -1 || end === -1 || end + 1 + size > data.length) throw broken('it ends too early')
    const kind = kinds[data.toString('latin1', at, space)]
    const name = data.toString('latin1', space + 1, end)
    if (kind === undefined)
      throw broken(`an entry has the unknown mode ${data.toString('latin1', at, Math.min(space, at + 8))}`)
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.toLowerCase() === '.git')
      throw broken('an entry has a name that leads elsewhere')
    entries.push({ name, kind, id: data.toString('hex', end + 1, end + 1 + size) })
    at = end + 1 + size
  }
  return entries
}

/** The tree of a commit. @throws GatewayError SOURCE_UNREADABLE */
export function treeOf(format: ObjectFormat, commit: Buffer): string {
  return idAfter(format, 'tree', commit)
}

/** What an annotated tag stands for. @throws GatewayError SOURCE_UNREADABLE */
export function targetOf(format: ObjectFormat, tag: Buffer): string {
  return idAfter(format, 'object', tag)
}

function idAfter(format: ObjectFormat, word: 'tree' | 'object', data: Buffer): string {
  const [first = ''] = data.toString('latin1', 0, 128).split('\n', 1)
  const id = first.slice(word.length + 1)
  if (first.startsWith(`${word} `) && isId(format, id)) return id
  throw new GatewayError('SOURCE_UNREADABLE', `a git object does not begin with the ${word} it is about`)
}

function broken(why: string): GatewayError {
  return new GatewayError('SOURCE_UNREADABLE', `a git tree is broken: ${why}`)
}
