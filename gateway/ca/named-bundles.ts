import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readCertificates } from './system-roots.ts'
import { addingVariables, directoryVariable, replacingVariables, type OuterEnvironment } from './trust-environment.ts'

/** A directory with more files than this is not a directory of certificates. */
const maxFilesInDirectory = 2000

/** Certificates that the machine's own settings make some tool trust. */
export interface NamedBundles {
  /** DER. */
  readonly certificates: readonly Uint8Array[]
  /** What was named but could not be used, one sentence each, for the user. */
  readonly warnings: readonly string[]
}

/** Settings files that name a bundle which our variables would otherwise push aside. `~` is the job's home, `/etc` may be elsewhere in tests. */
const settings: readonly { readonly file: string; readonly name: RegExp; readonly what: string }[] = [
  { file: '~/.npmrc', name: /^[ \t]*cafile[ \t]*=[ \t]*(.+)$/gm, what: 'cafile' },
  { file: '/etc/npmrc', name: /^[ \t]*cafile[ \t]*=[ \t]*(.+)$/gm, what: 'cafile' },
  { file: '~/.gitconfig', name: /^[ \t]*sslCAInfo[ \t]*=[ \t]*(.+)$/gim, what: 'http.sslCAInfo' },
  { file: '~/.config/git/config', name: /^[ \t]*sslCAInfo[ \t]*=[ \t]*(.+)$/gim, what: 'http.sslCAInfo' },
  { file: '/etc/gitconfig', name: /^[ \t]*sslCAInfo[ \t]*=[ \t]*(.+)$/gim, what: 'http.sslCAInfo' },
  { file: '~/.config/pip/pip.conf', name: /^[ \t]*cert[ \t]*=[ \t]*(.+)$/gm, what: 'cert' },
  { file: '~/.pip/pip.conf', name: /^[ \t]*cert[ \t]*=[ \t]*(.+)$/gm, what: 'cert' },
  { file: '/etc/pip.conf', name: /^[ \t]*cert[ \t]*=[ \t]*(.+)$/gm, what: 'cert' },
  { file: '~/.cargo/config.toml', name: /^[ \t]*cainfo[ \t]*=[ \t]*(.+)$/gm, what: 'http.cainfo' },
]

/**
 * Reads every bundle that the environment or a well-known settings file names, so that a company's roots stay trusted
 * when our variables take their place. A file that cannot be read is a warning, never an error: it did not help before
 * either.
 */
export async function readNamedBundles(outer: OuterEnvironment, etc = '/etc'): Promise<NamedBundles> {
  const warnings: string[] = []
  const namings = [...namedByEnvironment(outer), ...(await namedBySettings(outer, etc))]
  // A company's machine names one and the same bundle for a dozen tools.
  const paths = [...new Set(namings.map(({ path }) => path))]
  const read = new Map(await Promise.all(paths.map(async path => [path, await readFileOrDirectory(path)] as const)))
  for (const { by, path } of namings) {
    if (read.get(path)?.length === 0) warnings.push(`${by} names ${path}, which holds no certificate that can be read`)
  }
  const certificates = [...read.values()].flat()
  const javaOptions = outer['JAVA_TOOL_OPTIONS'] ?? ''
  if (javaOptions.includes('-Djavax.net.ssl.trustStore=')) {
    warnings.push('JAVA_TOOL_OPTIONS names a trust store, which is replaced: add its certificates to tls.extraCa')
  }
  return { certificates, warnings }
}

interface Naming {
  readonly by: string
  readonly path: string
}

function namedByEnvironment(outer: OuterEnvironment): readonly Naming[] {
  const files = [...replacingVariables, ...addingVariables, 'NPM_CONFIG_CAFILE'].map(by => ({
    by,
    path: outer[by] ?? '',
  }))
  const directories = (outer[directoryVariable] ?? '').split(':').map(path => ({ by: directoryVariable, path }))
  return [...files, ...directories].filter(({ path }) => path !== '')
}

async function namedBySettings(outer: OuterEnvironment, etc: string): Promise<readonly Naming[]> {
  const home = outer['HOME']
  const namings: Naming[] = []
  for (const { file, name, what } of settings) {
    if (file.startsWith('~') && home === undefined) continue
    const text = await readText(expandHome(file, home).replace(/^\/etc(?=\/)/, etc))
    for (const [, raw = ''] of text.matchAll(name)) {
      const path = raw.trim().replace(/^(["'])(.*)\1$/, '$2')
      namings.push({ by: `${what} in ${file}`, path: expandHome(path, home) })
    }
  }
  return namings
}

function expandHome(path: string, home: string | undefined): string {
  if (home === undefined) return path
  return path.replace(/^(?:~|\$\{?HOME\}?)(?=\/)/, home)
}

/** The text of a settings file; empty when there is none, or none for us. */
async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').then(
    text => text,
    () => '',
  )
}

async function readFileOrDirectory(path: string): Promise<readonly Uint8Array[]> {
  const isDirectory = await stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
  if (!isDirectory) return readCertificates(path)
  const names = await readdir(path).then(
    found => found,
    () => [],
  )
  const found = await Promise.all(names.slice(0, maxFilesInDirectory).map(name => readCertificates(join(path, name))))
  return found.flat()
}
