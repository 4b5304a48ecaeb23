import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { fileFault, GatewayError } from '../../errors.ts'
import { startProgram } from '../../packet/run.ts'

/** Programs for what Node has no reader of, by the first bytes of the file. */
const programs = [
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), name: 'xz' },
  { magic: Buffer.from('BZh', 'latin1'), name: 'bzip2' },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), name: 'zstd' },
] as const

/**
 * The bytes of a tar file, unpacked by what it begins with: gzip by ourselves, xz, bzip2 and zstd by the program of that
 * name, which gets the file and nothing else.
 * @throws GatewayError SOURCE_UNREADABLE, TOOL_MISSING
 */
export async function* openArchive(path: string): AsyncGenerator<Buffer, void, void> {
  const head = await firstBytes(path)
  const program = programs.find(({ magic }) => head.subarray(0, magic.length).equals(magic))
  if (program !== undefined) yield* unpack(program.name, path)
  else if (head[0] === 0x1f && head[1] === 0x8b) yield* readable(path, createReadStream(path).pipe(createGunzip()))
  else yield* readable(path, createReadStream(path))
}

async function firstBytes(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw new GatewayError('SOURCE_UNREADABLE', `the archive ${path} cannot be read: ${fileFault(cause)}`, { cause })
  }
}

async function* readable(path: string, stream: Readable): AsyncGenerator<Buffer, void, void> {
  try {
    for await (const piece of stream) yield piece
  } catch (cause) {
    throw new GatewayError('SOURCE_UNREADABLE', `the archive ${path} cannot be read: ${fileFault(cause)}`, { cause })
  }
}

async function* unpack(name: string, path: string): AsyncGenerator<Buffer, void, void> {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }
  const child = startProgram(name, ['-dc', '--', path], { env, stdio: ['ignore', 'pipe', 'ignore'], detached: false })
  const ended = new Promise<string | undefined>(fulfil => {
    child.once('error', cause => fulfil('code' in cause && cause.code === 'ENOENT' ? 'missing' : cause.message))
    child.once('close', code => fulfil(code === 0 ? undefined : `${name} ended with ${code ?? 'a signal'}`))
  })
  try {
    if (child.stdout !== null) for await (const piece of child.stdout) yield piece
    const failure = await ended
    if (failure === 'missing')
      throw new GatewayError(
        'TOOL_MISSING',
        `${path} needs ${name}, which is not installed (Debian: ${debianPackage(name)})`,
      )
    if (failure !== undefined)
      throw new GatewayError('SOURCE_UNREADABLE', `the archive ${path} cannot be read: ${failure}`)
  } finally {
    child.kill('SIGKILL')
  }
}

function debianPackage(name: string): string {
  return name === 'xz' ? 'xz-utils' : name
}
