import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { runProgram, type Finished, type ProgramOptions } from './program.ts'

/** How to start a program in a namespace. `env` is added to the namespace's own environment; nothing of ours is inherited. */
export interface ExecOptions extends ProgramOptions {
  /** Send the program to this namespace with no environment but `env`. Default false. */
  readonly bare?: boolean
}

/** How to start a program that goes on running. */
export interface SpawnOptions extends Pick<ExecOptions, 'cwd' | 'env' | 'bare'> {
  /** As of `node:child_process`; default `['ignore', 'pipe', 'pipe']`. */
  readonly stdio?: StdioOptions
  /** Default `'json'`; `'advanced'` keeps byte arrays over an `'ipc'` channel. */
  readonly serialization?: 'json' | 'advanced'
}

/** A network namespace of the lab, by its name under /run/netns. */
export interface Namespace {
  readonly name: string
  /** Runs a program in the namespace to its end. Never rejects because of its exit code. */
  exec(file: string, args: readonly string[], options?: ExecOptions): Promise<Finished>
  /** Starts a program in the namespace. The lab kills it, at the latest, when the lab is disposed. */
  spawn(file: string, args: readonly string[], options?: SpawnOptions): ChildProcess
}

/** Opens a handle on an existing namespace; `env` is what its programs see. */
export function namespaceNamed(name: string, env: Readonly<Record<string, string>>): Namespace {
  const environment = (options: { readonly env?: Readonly<Record<string, string>>; readonly bare?: boolean }) =>
    options.bare === true ? { ...options.env } : { ...env, ...options.env }
  return {
    name,
    exec: async (file, args, options = {}) =>
      runProgram('/usr/sbin/ip', ['netns', 'exec', name, file, ...args], { ...options, env: environment(options) }),
    spawn: (file, args, options = {}) =>
      spawn('/usr/sbin/ip', ['netns', 'exec', name, file, ...args], {
        env: environment(options),
        stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
        serialization: options.serialization ?? 'json',
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      }),
  }
}
