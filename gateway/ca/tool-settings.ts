import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { OuterEnvironment } from './trust-environment.ts'

/**
 * Settings files for tools that no variable tells which roots to trust, but that a variable sends to a settings file: apt
 * over https and wget, which are linked with GnuTLS and else ask the system's store alone.
 */
export interface ToolSettings {
  /** File names and their text. */
  readonly files: Readonly<Record<string, string>>
  /** Which variable leads to which of the files. */
  readonly variables: Readonly<Record<string, string>>
  /** Tools that stay without, one sentence each, for the user. */
  readonly warnings: readonly string[]
}

/** Plans the settings files. Settings that the environment names itself are kept. `bundle`: its path, as the job sees it. */
export async function planToolSettings(outer: OuterEnvironment, bundle: string): Promise<ToolSettings> {
  const own = await ownWgetSettings(outer)
  const apt = { 'apt.conf': await renderAptSettings(outer['APT_CONFIG'], bundle) }
  if (own === undefined) {
    return {
      files: { ...apt, wgetrc: `ca_certificate = ${bundle}\n` },
      variables: { APT_CONFIG: 'apt.conf', WGETRC: 'wgetrc' },
      warnings: [],
    }
  }
  // It may hold passwords, so it is not copied; and wget reads one file only.
  const warning = `wget reads ${own}: for inspected hosts it needs the line 'ca_certificate = ${bundle}' there`
  return { files: apt, variables: { APT_CONFIG: 'apt.conf' }, warnings: [warning] }
}

/** apt reads this file before all others, so what /etc says of a certificate bundle still wins. */
async function renderAptSettings(outer: string | undefined, bundle: string): Promise<string> {
  const include = outer !== undefined && (await isFile(outer)) ? `#include "${outer}";\n` : ''
  return `${include}Acquire::https::CAInfo "${bundle}";\n`
}

/** The settings of the user that wget would read, if there are any. */
async function ownWgetSettings(outer: OuterEnvironment): Promise<string | undefined> {
  const named = outer['WGETRC'] ?? ''
  if (named !== '') return named
  const home = outer['HOME'] ?? ''
  const usual = join(home, '.wgetrc')
  return home !== '' && (await isFile(usual)) ? usual : undefined
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isFile(),
    () => false,
  )
}
