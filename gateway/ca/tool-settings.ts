import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { OuterEnvironment } from './trust-environment.ts'

/**
 * Settings files for tools that no variable tells which roots to trust, but that a variable sends to a settings file: apt
 * over https and wget, which are linked with GnuTLS and else ask the system's store alone, and PHP, whose curl extension
 * does not read the variables that the program of that name reads.
 */
export interface ToolSettings {
  /** File names and their text. */
  readonly files: Readonly<Record<string, string>>
  /** What leads to them, ready to set. */
  readonly variables: Readonly<Record<string, string>>
  /** Tools that stay without, one sentence each, for the user. */
  readonly warnings: readonly string[]
}

/** Plans the settings files. Settings that the environment names itself are kept. `bundle`: its path, as the job sees it. */
export async function planToolSettings(outer: OuterEnvironment, bundle: string): Promise<ToolSettings> {
  const own = await ownWgetSettings(outer)
  const folder = dirname(bundle)
  const files = {
    'apt.conf': await renderAptSettings(outer['APT_CONFIG'], bundle),
    'php.ini': `curl.cainfo = "${bundle}"\nopenssl.cafile = "${bundle}"\n`,
  }
  // PHP reads every .ini of these folders, the last one last; an empty name stands for the folder it was built with.
  const variables = {
    APT_CONFIG: join(folder, 'apt.conf'),
    PHP_INI_SCAN_DIR: `${outer['PHP_INI_SCAN_DIR'] ?? ''}:${folder}`,
  }
  if (own === undefined) {
    return {
      files: { ...files, wgetrc: `ca_certificate = ${bundle}\n` },
      variables: { ...variables, WGETRC: join(folder, 'wgetrc') },
      warnings: [],
    }
  }
  // It may hold passwords, so it is not copied; and wget reads one file only.
  const warning = `wget reads ${own}: for inspected hosts it needs the line 'ca_certificate = ${bundle}' there`
  return { files, variables, warnings: [warning] }
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
