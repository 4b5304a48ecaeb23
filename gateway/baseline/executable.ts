import { printable } from '../record/printable.ts'

/** As in the log, UTF-16 units. */
const longestExecutable = 512

/** Folders that are named for one version or one run: a version, a hash, a UUID. */
const madeUpFolders: readonly RegExp[] = [
  /^v?\d+(?:[._-]\d+)*(?:[-+][A-Za-z0-9.]+)?$/,
  /^(?=.*\d)[0-9a-f]{7,64}$/i,
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
]

/**
 * The path of an executable with `*` for what changes with a version or from run to run: a folder that is a version, a
 * hash or a UUID, the rest of a temporary name, a number with dots, the number behind an interpreter's name.
 * `/opt/node/v22.1.0/bin/node18` becomes `/opt/node/∗/bin/node∗` (with plain asterisks). Twice is the same as once. Pure.
 */
export function normaliseExecutable(path: string): string {
  return printable(path, longestExecutable)
    .split('/')
    .map((segment, index, all) => normalise(segment, index > 0 && index < all.length - 1))
    .join('/')
}

function normalise(segment: string, isFolder: boolean): string {
  if (isFolder && madeUpFolders.some(shape => shape.test(segment))) return '*'
  return segment
    .replaceAll(/\d+(?:\.\d+)+/g, '*')
    .replace(/^(python|pypy|java|node|ruby|php|perl|lua|gcc|g\+\+|clang|clang\+\+)-?\d+$/, '$1*')
    .replace(/^(java|jdk|jre|openjdk|temurin)-\d[0-9A-Za-z]*/, '$1-*')
    .replace(/^((?:tmp|temp|go-build)[._-]?)[A-Za-z0-9_]{6,}$/, '$1*')
}
