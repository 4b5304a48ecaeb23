import { readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Forgets the slots of network namespaces that are no more (a container that was removed): their wires went with them, and
 * nobody else would sweep up after them. Before each is forgotten, `alsoRemove` gets its `NAMESPACE-SLOT`; `isThere` is the
 * seam of tests.
 */
export async function sweepGone(
  root: string,
  alsoRemove: (name: string) => Promise<void>,
  isThere: (inode: number) => boolean = liveNamespaces(),
): Promise<void> {
  for (const name of listed(root)) {
    if (!/^\d+$/.test(name) || isThere(Number(name))) continue
    for (const slot of listed(join(root, name)).filter(it => /^[0-9a-f]{4}$/.test(it))) {
      await alsoRemove(`${name}-${slot}`)
      rmSync(join(root, name, slot), { force: true })
    }
    removeEmpty(join(root, name))
  }
}

/** Removes a folder if it is empty. Somebody who is about to write into it makes it anew. */
export function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') throw cause
  }
}

/** Network namespaces that a process is in, or that are mounted somewhere; looked for when first asked. */
function liveNamespaces(): (inode: number) => boolean {
  let seen: ReadonlySet<number> | undefined
  return inode => {
    seen ??= new Set(
      [
        ...listed('/proc')
          .filter(name => /^\d+$/.test(name))
          .map(pid => `/proc/${pid}/ns/net`),
        ...mountedNamespaces(),
      ].flatMap(inodeOf),
    )
    return seen.has(inode)
  }
}

/** Nothing for a process that has ended meanwhile. */
function inodeOf(path: string): number | readonly [] {
  try {
    return statSync(path).ino
  } catch {
    return []
  }
}

/** Mount points of namespaces: /run/netns/NAME and their like. */
function mountedNamespaces(): readonly string[] {
  return readFileSync('/proc/thread-self/mountinfo', 'utf8')
    .split('\n')
    .flatMap(line => (/ - nsfs /.test(line) ? (line.split(' ')[4] ?? []) : []))
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
