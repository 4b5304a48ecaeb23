import { constants } from 'node:fs'
import { access, readdir, realpath } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { faultText, maxFileBytes, readBytes, readText } from './bounded-read.ts'
import type { Answer, Machine } from './detector.ts'
import type { SourceFile } from './finding.ts'
import { isInside } from './project-files.ts'
import { unzipOne } from './zip.ts'

/** Runs a program to its end and never rejects; `exitCode` is undefined when it was ended or could not start. */
export type Run = (
  file: string,
  args: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string>>
    readonly cwd: string
    readonly signal: AbortSignal
    readonly timeoutMs: number
  },
) => Promise<{ readonly exitCode: number | undefined; readonly stdout: string }>

/** Longest a print command may take, milliseconds. */
const askTimeoutMs = 15_000

/**
 * What reaches a tool that is asked: where its settings are, and settings themselves. Nothing that loads code
 * (NODE_OPTIONS, LD_PRELOAD, PYTHONPATH, JAVA_TOOL_OPTIONS, GIT_*, …) is on the list.
 */
const handedOn =
  /^(?:HOME|USER|LOGNAME|LANG|TMPDIR|XDG_CONFIG_HOME|(?:npm_config|NPM_CONFIG)_(?:\w*registry|\w*REGISTRY|userconfig|USERCONFIG|globalconfig|GLOBALCONFIG|prefix|PREFIX)|YARN_(?:REGISTRY|NPM_REGISTRY_SERVER)|PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|CONFIG_FILE|NO_INDEX)|GO(?:PROXY|SUMDB|NOPROXY|NOSUMDB|PRIVATE|ENV|ROOT|PATH)|CARGO_HOME|RUSTUP_HOME|RUSTUP_TOOLCHAIN|JAVA_HOME|M2_HOME|MAVEN_HOME|DOTNET_ROOT|COMPOSER_HOME|PYENV_ROOT|PYENV_VERSION|COREPACK_HOME)$/

/** No colours, no questions, no network, no other version of itself, no code of the project's choosing. */
const imposed: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  NO_COLOR: '1',
  CI: '1',
  COLUMNS: '10000',
  npm_config_update_notifier: 'false',
  npm_config_logs_max: '0',
  npm_config_loglevel: 'silent',
  YARN_IGNORE_PATH: '1',
  COREPACK_ENABLE_NETWORK: '0',
  COREPACK_ENABLE_PROJECT_SPEC: '0',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  GOTOOLCHAIN: 'local',
  RUSTUP_AUTO_INSTALL: '0',
  MAVEN_SKIP_RC: '1',
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_NOLOGO: '1',
}

/**
 * The machine this runs on. Tools are asked in `/`, found on PATH by absolute paths outside the project, with only
 * the variables above, so that no file of the project decides what runs.
 */
export function thisMachine(input: {
  readonly run: Run
  readonly env: Readonly<Record<string, string | undefined>>
  /** Real path of the project. */
  readonly root: string
  readonly signal: AbortSignal
  /** Told the command line before a tool is asked. */
  readonly onAsk?: (command: string) => void
  /** Told of a settings file that is there and cannot be read. */
  readonly onFault?: (path: string, text: string) => void
}): Machine {
  const { run, env, root, signal, onAsk, onFault } = input
  const answers = new Map<string, Promise<Answer>>()
  const expand = (path: string): string | undefined => {
    if (!path.startsWith('~/')) return isAbsolute(path) ? path : undefined
    const home = env['HOME']
    return home === undefined || !isAbsolute(home) ? undefined : join(home, path.slice(2))
  }
  const shown = (path: string): string => {
    const home = env['HOME']
    return home !== undefined && home !== '/' && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
  }

  const ask = async (program: string, args: readonly string[]): Promise<Answer> => {
    const folders = await outsideFolders(env['PATH'] ?? '', root)
    const file = await findProgram(program, folders, root)
    if (file === undefined) return { text: '', fault: 'missing' }
    onAsk?.([program, ...args].join(' '))
    const handed = Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && handedOn.test(name) ? [[name, value] as const] : [],
    )
    const { exitCode, stdout } = await run(file, args, {
      env: { ...Object.fromEntries(handed), ...imposed, PATH: folders.join(':') },
      cwd: '/',
      signal,
      timeoutMs: askTimeoutMs,
    })
    return exitCode === 0 ? { text: stdout } : { text: '', fault: 'failed' }
  }

  return {
    env,
    async readFile(path) {
      const real = expand(path)
      const read = real === undefined ? 'missing' : await readText(real, maxFileBytes, true)
      if (real === undefined || read === 'missing') return undefined
      if (typeof read !== 'string') return { path: shown(real), text: read.text } satisfies SourceFile
      onFault?.(shown(real), faultText[read])
      return undefined
    },
    async list(path) {
      const real = expand(path)
      const names = real === undefined ? [] : await readdir(real).catch((): string[] => [])
      return names.toSorted().slice(0, 1_000)
    },
    async readZipped(path, name) {
      const real = expand(path)
      const bytes = real === undefined ? 'missing' : await readBytes(real, maxFileBytes, true)
      const found = typeof bytes === 'string' ? undefined : unzipOne(bytes, name, 1_048_576)
      return found === undefined
        ? undefined
        : { path: `${baseNameOf(path)} of the installation`, text: found.toString('utf8') }
    },
    ask(program, args) {
      const command = [program, ...args].join('\0')
      const answer = answers.get(command) ?? ask(program, args)
      answers.set(command, answer)
      return answer
    },
  }
}

function baseNameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Folders of PATH that exist outside the project; a relative one would be the project's. */
async function outsideFolders(path: string, root: string): Promise<readonly string[]> {
  const folders = path.split(':').filter(folder => isAbsolute(folder))
  const real = await Promise.all(folders.map(folder => realpath(folder).catch(() => undefined)))
  return folders.filter((_, index) => {
    const folder = real[index]
    return folder !== undefined && !isInside(root, folder)
  })
}

async function findProgram(program: string, folders: readonly string[], root: string): Promise<string | undefined> {
  for (const folder of folders) {
    const file = join(folder, program)
    const target = await access(file, constants.X_OK).then(
      () => realpath(file),
      () => undefined,
    )
    if (target !== undefined && !isInside(root, target)) return file
  }
  return undefined
}
