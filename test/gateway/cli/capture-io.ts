import { Writable } from 'node:stream'
import type { Io } from '../../../gateway/cli/command.ts'

/** The streams of a command, kept as text. */
export interface CapturedIo extends Io {
  out(): string
  err(): string
}

export function captureIo(): CapturedIo {
  const out: string[] = []
  const err: string[] = []
  const signal = new AbortController().signal
  return {
    stdout: into(out),
    stderr: into(err),
    env: {},
    cwd: '/',
    signal,
    fault: new AbortController().signal,
    out: () => out.join(''),
    err: () => err.join(''),
  }
}

function into(parts: string[]): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: unknown, _encoding, done) {
      parts.push(String(chunk))
      done()
    },
  })
}
