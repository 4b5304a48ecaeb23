import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { drained } from '../origins/drained.ts'
import { headerOf, type Exchange, type Handler, type HeaderLine, type Reply } from '../origins/exchange.ts'
import { Inbound } from '../origins/inbound.ts'
import { runChecked } from '../program.ts'
import type { ServiceContext } from './start.ts'

const gitHosts: readonly string[] = ['git.acme.test', 'github.test', 'github.com']

/** Git over HTTP(S) by git's own CGI program: `/acme/app.git`, clone and push, no login. */
export async function startGit({ config, hosts }: ServiceContext): Promise<void> {
  const root = `${config.dir}/git`
  const repository = `${root}/acme/app.git`
  mkdirSync(repository, { recursive: true })
  await runChecked('/usr/bin/git', ['init', '--quiet', '--bare', '--initial-branch=main', repository])
  await runChecked('/usr/bin/git', ['-C', repository, 'config', 'http.receivepack', 'true'])
  await runChecked('/usr/bin/git', ['-C', repository, 'fast-import', '--quiet'], { input: firstCommits })
  const handler: Handler = exchange => answer(root, exchange)
  for (const host of gitHosts) hosts.set(host, handler)
}

/** Two commits, as `git fast-import` reads them. */
const firstCommits = [
  commit('first', [
    ['644', 'README.md', '# The app\n'],
    ['644', 'package.json', '{"name":"app","version":"1.0.0","private":true,"dependencies":{"lab-right":"1"}}\n'],
    ['755', 'build.sh', '#!/bin/sh\necho built\n'],
  ]),
  commit('second', [['644', 'src/main.js', 'console.log("hello, world")\n']]),
].join('')

function commit(message: string, files: readonly (readonly [mode: string, path: string, content: string])[]): string {
  const changes = files.map(
    ([mode, path, content]) => `M ${mode} inline ${path}\ndata ${Buffer.byteLength(content)}\n${content}\n`,
  )
  return `commit refs/heads/main\ncommitter Lab <lab@acme.test> 1767225600 +0000\ndata ${message.length}\n${message}\n${changes.join('')}\n`
}

async function answer(root: string, exchange: Exchange): Promise<Reply> {
  const child = spawn('/usr/lib/git-core/git-http-backend', [], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: environment(root, exchange),
  })
  child.stdin.on('error', () => {})
  // A request that was cut short ends the program's input as early.
  feed(child.stdin, exchange).catch(() => child.stdin.destroy())
  const inbound = new Inbound(child.stdout, () => {})
  const head = (await inbound.readUntil('\r\n\r\n', 65_536)).toString('latin1')
  const headers = head
    .split('\r\n')
    .filter(line => line !== '')
    .map((line): HeaderLine => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
  const status = Number.parseInt(headerOf(headers, 'status') ?? '200', 10)
  return { status, headers: headers.filter(([name]) => name.toLowerCase() !== 'status'), body: rest(inbound) }
}

async function feed(stdin: Writable, { body }: Exchange): Promise<void> {
  for await (const piece of body) if (!stdin.write(piece)) await drained(stdin)
  stdin.end()
}

async function* rest(inbound: Inbound): AsyncGenerator<Buffer> {
  for (let piece = await inbound.read(); piece !== undefined; piece = await inbound.read()) yield piece
}

function environment(root: string, { method, path, query, headers, remoteAddress }: Exchange): Record<string, string> {
  const optional = {
    CONTENT_TYPE: 'content-type',
    CONTENT_LENGTH: 'content-length',
    HTTP_CONTENT_ENCODING: 'content-encoding',
    GIT_PROTOCOL: 'git-protocol',
    HTTP_GIT_PROTOCOL: 'git-protocol',
  }
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '/nonexistent',
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: method,
    PATH_INFO: decodeURIComponent(path),
    QUERY_STRING: query.toString(),
    REMOTE_ADDR: remoteAddress,
    ...Object.fromEntries(
      Object.entries(optional).flatMap(([variable, name]) => {
        const value = headerOf(headers, name)
        return value === undefined ? [] : [[variable, value] as const]
      }),
    ),
  }
}
