import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import type { ProcessInfo } from '../record/event.ts'
import type { Ecosystem } from './asked.ts'

/** The script of a package, or of the project itself, that its package manager runs while it installs. */
export interface InstallScript {
  readonly ecosystem: Ecosystem
  /** Whose it is, as its environment or its place say; undefined where neither does. */
  readonly of: string | undefined
}

/** What `npm install`, `npm ci` and their kin run by themselves; `npm run build` is not among it. */
const npmEvents: ReadonlySet<string> = new Set([
  'preinstall',
  'install',
  'postinstall',
  'preprepare',
  'prepare',
  'postprepare',
  'prepublish',
  'dependencies',
])

const mostParents = 32
/** The kernel shows an environment of any size; this is what we read of one. */
const longestEnvironment = 262_144

/**
 * Finds out whether a process runs below an install script: by what its environment and its parents' say (npm, yarn, pnpm
 * and bun set `npm_lifecycle_event`, pip's hooks `_PYPROJECT_HOOKS_BUILD_BACKEND`, dpkg `DPKG_MAINTSCRIPT_PACKAGE`), and by
 * how they were called (pip's callers, `extconf.rb`, Cargo's `build-script-build`). A process that has left its parents and
 * emptied its environment is not recognised. Each process is looked at once.
 */
export class InstallScripts {
  readonly #procRoot: string | undefined
  readonly #known = new WeakMap<ProcessInfo, { readonly script: InstallScript | undefined }>()

  constructor(procRoot: string | undefined) {
    this.#procRoot = procRoot
  }

  /** Undefined when it is below none, or nobody can say. */
  above(process: ProcessInfo | undefined): InstallScript | undefined {
    if (process === undefined) return undefined
    const known = this.#known.get(process)
    if (known !== undefined) return known.script
    const script = this.#find(process)
    this.#known.set(process, { script })
    return script
  }

  #find({ pid, exe, command, parents }: ProcessInfo): InstallScript | undefined {
    const told = calledAs(exe, command) ?? parents.map(parent => calledAs(parent, '')).find(one => one !== undefined)
    if (this.#procRoot === undefined) return told
    let next = pid
    for (let step = 0; next > 1 && step < mostParents; step += 1) {
      const folder = `${this.#procRoot}/${next}`
      const script = inEnvironment(environmentOf(folder)) ?? calledAs('', commandOf(folder))
      if (script !== undefined) return script
      next = parentOf(folder)
    }
    return told
  }
}

function calledAs(exe: string, command: string): InstallScript | undefined {
  const [, crate] = /\/build\/([^/]+)-[0-9a-f]{16}\/build-script-[^/]+$/.exec(exe) ?? []
  if (crate !== undefined) return { ecosystem: 'cargo', of: crate }
  if (/<pip-setuptools-caller>|pyproject_hooks\/_in_process|pep517\/in_process/.test(command))
    return { ecosystem: 'pypi', of: undefined }
  const [, gem] = /\/gems\/([\w.-]+)\/ext\//.exec(command) ?? []
  if (/(?:^|[\s/])(?:extconf|mkrf_conf)\.rb\b/.test(command)) return { ecosystem: 'gem', of: gem }
  const [, maintained] = /\/dpkg\/info\/([\w.+-]+)(?::\w+)?\.(?:preinst|postinst|prerm|postrm)\b/.exec(command) ?? []
  return maintained === undefined ? undefined : { ecosystem: 'deb', of: maintained }
}

function inEnvironment(environment: ReadonlyMap<string, string>): InstallScript | undefined {
  const event = environment.get('npm_lifecycle_event')
  if (event !== undefined && npmEvents.has(event)) {
    const [name, version] = [environment.get('npm_package_name'), environment.get('npm_package_version')]
    return {
      ecosystem: 'npm',
      of: name === undefined ? undefined : version === undefined ? name : `${name}@${version}`,
    }
  }
  const maintained = environment.get('DPKG_MAINTSCRIPT_PACKAGE')
  if (maintained !== undefined) return { ecosystem: 'deb', of: maintained }
  return environment.has('_PYPROJECT_HOOKS_BUILD_BACKEND') || environment.has('PEP517_BUILD_BACKEND')
    ? { ecosystem: 'pypi', of: undefined }
    : undefined
}

const wanted: ReadonlySet<string> = new Set([
  'npm_lifecycle_event',
  'npm_package_name',
  'npm_package_version',
  'DPKG_MAINTSCRIPT_PACKAGE',
  '_PYPROJECT_HOOKS_BUILD_BACKEND',
  'PEP517_BUILD_BACKEND',
])

/** The few variables that matter; everything else of an environment may be a secret, and is not kept. */
function environmentOf(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const entry of readBounded(`${folder}/environ`).split('\0')) {
    const equals = entry.indexOf('=')
    const name = entry.slice(0, equals)
    if (wanted.has(name) && !found.has(name)) found.set(name, entry.slice(equals + 1, equals + 201))
  }
  return found
}

function commandOf(folder: string): string {
  return readBounded(`${folder}/cmdline`).slice(0, 4_096).replaceAll('\0', ' ')
}

/** Empty for a process that is gone, or that we may not look into. */
function readBounded(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const bytes = Buffer.alloc(longestEnvironment)
    let length = 0
    // The kernel gives a page at a time.
    for (let read = 1; read > 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null)
    return bytes.toString('utf8', 0, length)
  } catch {
    return ''
  } finally {
    closeSync(file)
  }
}

function parentOf(folder: string): number {
  try {
    const stat = readFileSync(`${folder}/stat`, 'latin1')
    // The second field is a name in parentheses, which may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
