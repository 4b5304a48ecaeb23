import { trustStorePassword } from './truststore.ts'

/** The paths, as the job sees them, that the variables point at. */
export interface TrustPaths {
  /** Our certificate alone, PEM. */
  readonly authority: string
  /** Every certificate the job trusts, ours among them, PEM. */
  readonly bundle: string
  /** The same certificates as PKCS#12, for Java. */
  readonly trustStore: string
}

/** Environment variables to set (text) or to remove (`null`). */
export type EnvironmentChanges = Readonly<Record<string, string | null>>

/** The environment the job would have had without us. */
export type OuterEnvironment = Readonly<Record<string, string | undefined>>

/** Variables whose file is trusted instead of the system's: they must point at the whole bundle (facts: toolchains). */
export const replacingVariables = [
  'SSL_CERT_FILE', // OpenSSL, Go, Ruby, PHP, .NET, Rust with native roots
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  'npm_config_cafile',
  'CARGO_HTTP_CAINFO',
  'AWS_CA_BUNDLE',
  'HEX_CACERTS_PATH',
  'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
  'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
  'HTTPLIB2_CA_CERTS',
  'NIX_SSL_CERT_FILE',
  'COMPOSER_CAFILE',
  'BUNDLE_SSL_CA_CERT',
] as const

/** Variables whose file is trusted besides the tool's own roots. */
export const addingVariables = ['NODE_EXTRA_CA_CERTS', 'DENO_CERT'] as const

/** A colon-separated list of directories of certificates (OpenSSL, Go). Read, and left as it is. */
export const directoryVariable = 'SSL_CERT_DIR'

/**
 * Variables that would send the job's traffic to a proxy of the outer network. The wire is transparent, so a proxy is
 * one more host: the job would ask it to reach everything, and the gateway would see one name instead of many.
 */
export const proxyVariables = [
  'HTTP_PROXY',
  'http_proxy',
  'HTTPS_PROXY',
  'https_proxy',
  'ALL_PROXY',
  'all_proxy',
  'FTP_PROXY',
  'ftp_proxy',
  'npm_config_proxy',
  'npm_config_https_proxy',
  'PIP_PROXY',
  'CARGO_HTTP_PROXY',
] as const

/** Stands for an environment that nobody knows, as that of a container's build: proxies are taken out, in case there are any. */
export const unknownEnvironment: OuterEnvironment = Object.fromEntries(proxyVariables.map(name => [name, '']))

/**
 * The changes that make the job's toolchains trust the gateway, as far as variables can. Pure. `namesMore` says that the
 * bundle holds certificates beyond the system's and ours (a company's roots), so that the adding variables need it too.
 */
export function planTrustEnvironment(
  outer: OuterEnvironment,
  paths: TrustPaths,
  namesMore: boolean,
): EnvironmentChanges {
  const changes: Record<string, string | null> = {}
  for (const name of replacingVariables) changes[name] = paths.bundle
  for (const name of addingVariables) changes[name] = namesMore ? paths.bundle : paths.authority
  changes['UV_NATIVE_TLS'] = 'true'
  changes['JAVA_TOOL_OPTIONS'] = javaOptions(outer['JAVA_TOOL_OPTIONS'], paths.trustStore)
  for (const name of proxyVariables) if (outer[name] !== undefined) changes[name] = null
  return changes
}

/** The JVM takes the last of two equal options, so ours come last. */
function javaOptions(outer: string | undefined, trustStore: string): string {
  const ours = [
    `-Djavax.net.ssl.trustStore=${trustStore}`,
    '-Djavax.net.ssl.trustStoreType=PKCS12',
    `-Djavax.net.ssl.trustStorePassword=${trustStorePassword}`,
  ]
  return [outer?.trim() ?? '', ...ours].filter(option => option !== '').join(' ')
}

/** The changes as lines for a POSIX shell to source. */
export function renderShellEnvironment(changes: EnvironmentChanges): string {
  const lines = Object.entries(changes).map(([name, value]) =>
    value === null ? `unset ${name}` : `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`,
  )
  return `${lines.join('\n')}\n`
}

/** The changes as JSON: text sets a variable, `null` removes it. */
export function renderJsonEnvironment(changes: EnvironmentChanges): string {
  return `${JSON.stringify(changes, null, 2)}\n`
}
