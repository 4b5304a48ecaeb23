import { closeSync, openSync, readSync } from 'node:fs'
import type { Ecosystem } from './asked.ts'

/** The script of a package, or of the project itself, that its package manager runs while it installs. */
export interface InstallScript {
  readonly ecosystem: Ecosystem
  /** Whose it is, as its environment or its place say; undefined where neither does. */
  readonly of: string | undefined
}

/** What a process is, as far as its command line and environment tell. */
export interface ReadProcess {
  readonly script: InstallScript | undefined
  /** It is a package manager that installs, and what it starts itself are scripts of packages, or git. */
  readonly installs: Ecosystem | undefined
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

/** The kernel shows an environment of any size; this is what we read of one. */
const longestEnvironment = 262_144
const longestCommand = 4_096

const wanted: ReadonlySet<string> = new Set([
  'npm_lifecycle_event',
  'npm_package_name',
  'npm_package_version',
  'DPKG_MAINTSCRIPT_PACKAGE',
  '_PYPROJECT_HOOKS_BUILD_BACKEND',
  'PEP517_BUILD_BACKEND',
  'CARGO_PKG_NAME',
  'NUM_JOBS',
  'OPT_LEVEL',
  'OUT_DIR',
])

/** What a process is, by its folder of a procfs; undefined when it is gone, or not ours to look into. */
export function readProcessAt(folder: string): ReadProcess | undefined {
  const environment = readBounded(`${folder}/environ`, longestEnvironment)
  const command = readBounded(`${folder}/cmdline`, longestCommand)
  if (environment === '' && command === '') return undefined
  const args = command.split('\0')
  const script = inEnvironment(environmentOf(environment)) ?? calledAs(args[0] ?? '', args.join(' '))
  return { script, installs: script === undefined ? installerOf(args) : undefined }
}

/** What a program's path and command line tell: pip's callers, extensions of gems, Cargo's build scripts, dpkg's scripts. */
export function calledAs(exe: string, command: string): InstallScript | undefined {
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
  // Cargo gives compilers and tests some of these too, all of them to build scripts only.
  const isBuildScript =
    ['NUM_JOBS', 'OPT_LEVEL'].every(name => environment.has(name)) &&
    /\/build\/.+\/out$/.test(environment.get('OUT_DIR') ?? '')
  const crate = environment.get('CARGO_PKG_NAME')
  if (isBuildScript && crate !== undefined) return { ecosystem: 'cargo', of: crate }
  return environment.has('_PYPROJECT_HOOKS_BUILD_BACKEND') || environment.has('PEP517_BUILD_BACKEND')
    ? { ecosystem: 'pypi', of: undefined }
    : undefined
}

const npmLike = /^(?:npm|pnpm|yarn)(?:-cli)?(?:-\d[\w.-]*)?(?:\.c?js)?$/
const installing =
  /^(?:i|in|ins|inst|insta|instal|install|add|ci|clean-install|ic|it|cit|sit|rebuild|rb|up|update|upgrade|dedupe|link|ln)$/
const running = /^(?:run|run-script|rum|exec|x|dlx|test|t|tst|start|stop|restart|node|workspaces?)$/

/** npm, pnpm and yarn by their command lines; a shell that starts one is none. */
function installerOf(args: readonly string[]): Ecosystem | undefined {
  const [program = '', ...others] = args
  const isNode = /^node(?:js)?$/.test(nameOf(program))
  // npm writes over its command line: what it was called with is one word then.
  const words = isNode ? others.filter(word => !word.startsWith('-')) : program.split(' ').concat(others)
  const [tool = '', ...rest] = words
  if (!npmLike.test(nameOf(tool))) return undefined
  const verb = rest.find(word => installing.test(word) || running.test(word))
  return verb !== undefined && installing.test(verb) ? 'npm' : undefined
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The few variables that matter; everything else of an environment may be a secret, and is not kept. */
function environmentOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const entry of text.split('\0')) {
    const equals = entry.indexOf('=')
    const name = entry.slice(0, equals)
    if (wanted.has(name) && !found.has(name)) found.set(name, entry.slice(equals + 1, equals + 201))
  }
  return found
}

const buffer = Buffer.alloc(longestEnvironment)

/** Empty for a process that is gone, or that we may not look into. */
function readBounded(path: string, atMost: number): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return ''
  }
  let length = 0
  try {
    // The kernel gives a page at a time.
    for (let read = 1; read > 0 && length < atMost; length += read)
      read = readSync(file, buffer, length, atMost - length, null)
    return buffer.toString('utf8', 0, length)
  } catch {
    return ''
  } finally {
    closeSync(file)
    // It may have held secrets.
    buffer.fill(0, 0, length)
  }
}
