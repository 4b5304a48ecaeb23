import { lstatSync } from 'node:fs'
import { basename } from 'node:path'
import type { ProcessInfo } from '../record/event.ts'
import type { Budget } from './content.ts'
import { folderOf } from './ignored.ts'
import { octets, type OctetPath } from './plain-file.ts'
import { type Difference, Snapshot } from './snapshot.ts'
import type { Watching } from './watching.ts'

const mostFolders = 64

/**
 * The tools a build finds by name: folders of its PATH, and `node_modules/.bin` of the workspace. Tells when one that was
 * there is another, is gone, or comes to stand before one of the same name. Those that come anew are nothing to tell.
 */
export class ToolWatch {
  readonly #watching: Watching
  readonly #binaries: OctetPath
  readonly #folders: Snapshot[] = []
  /** Folders of which there were notices. */
  readonly #touched = new Set<OctetPath>()

  /** `folders`: absolute, those looked into first come first. */
  constructor(workspace: OctetPath, folders: readonly OctetPath[], watching: Watching) {
    this.#watching = watching
    this.#binaries = `${workspace}/node_modules/.bin`
    for (const folder of folders.slice(0, mostFolders)) this.#add(folder)
  }

  /** Takes notice of a path; false when it is none of a tool. */
  notice(path: OctetPath): boolean {
    const folder = folderOf(path)
    const isTool = this.#folders.some(snapshot => snapshot.folder === folder)
    if (isTool) this.#touched.add(folder)
    return isTool
  }

  /** What changed in folders of which there were notices, or in all of them. */
  changes(inAll: boolean, budget: Budget): readonly Difference[] {
    const found = this.#folders.flatMap((snapshot, at) => {
      const { folder } = snapshot
      if (!inAll && !this.#touched.has(folder)) return []
      return snapshot
        .differences(budget)
        .filter(({ kind, path }) => kind !== 'added' || this.#isBefore(at, path.slice(folder.length + 1)))
    })
    this.#touched.clear()
    // What its installer puts there first is what it is from then on.
    if (!this.#folders.some(({ folder }) => folder === this.#binaries) && isFolder(this.#binaries))
      this.#add(this.#binaries)
    return found
  }

  #add(folder: OctetPath): void {
    if (!isFolder(folder)) return
    this.#watching.watchFolder(folder, true)
    this.#folders.push(new Snapshot(folder, false))
  }

  #isBefore(at: number, name: OctetPath): boolean {
    return this.#folders.slice(at + 1).some(folder => folder.folder !== this.#binaries && folder.has(name))
  }
}

const installers =
  /^(?:dpkg|dpkg-deb|dpkg-divert|update-alternatives|apt|apt-get|rpm|dnf|yum|microdnf|zypper|apk|pacman|brew|nix|pip\d?|pipx|uv|poetry|conda|mamba|npm|yarn|pnpm|bun|corepack|cargo|rustup|rustup-init|go|gem|bundle|composer|mise|asdf|sdk)(?:\d+(?:\.\d+)*)?$/
const interpreters = /^(?:node|nodejs|python\d*(?:\.\d+)?|ruby|perl|dash|bash|sh|php)$/

/**
 * Is this a program whose work is to install tools? By its name or, for what an interpreter runs, by that of its script: a
 * lie about it hides a change from the alarms, and not from the log.
 */
export function isInstaller(process: ProcessInfo): boolean {
  const name = basename(process.exe)
  if (installers.test(name)) return true
  // Maintainer scripts of system packages are run by root, below the package manager.
  if (process.parents.some(parent => /^\/usr\/bin\/(?:dpkg|rpm|dnf.*|apk|apt-get|apt)$/.test(parent))) return true
  if (!interpreters.test(name)) return false
  const words = process.command.split(' ').slice(0, 4)
  return words.some(word => installers.test(basename(word).replace(/(?:-cli)?\.[cm]?js$/, ''))) && !words.includes('-c')
}

/** The folders of a PATH that are absolute, each once. */
export function foldersOfPath(path: string | undefined): readonly OctetPath[] {
  const folders = (path ?? '').split(':').filter(folder => folder.startsWith('/') && folder !== '/')
  return [...new Set(folders.map(folder => folder.replace(/\/+$/, '')))]
}

function isFolder(path: OctetPath): boolean {
  return lstatSync(octets(path), { throwIfNoEntry: false })?.isDirectory() ?? false
}
