/** Variables that make the usual clients trust one bundle, as facts.md lists them. */
export function trustEnvironment(bundlePath: string): Readonly<Record<string, string>> {
  const names = [
    'SSL_CERT_FILE',
    'CURL_CA_BUNDLE',
    'GIT_SSL_CAINFO',
    'REQUESTS_CA_BUNDLE',
    'PIP_CERT',
    'NODE_EXTRA_CA_CERTS',
    'npm_config_cafile',
    'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
  ]
  return Object.fromEntries(names.map(name => [name, bundlePath]))
}
