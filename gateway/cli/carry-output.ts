import { closeSync, fchownSync, fstatSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { isatty } from 'node:tty'
import type { OutputStream, TakeOutput } from '../insight/part.ts'
import { openPipe } from '../packet/pipe.ts'
import type { Io } from './command.ts'

/** What stands at a command's descriptors 0 to 2: ours, or the write end of a pipe. */
type Stdio = ['inherit', 'inherit' | number, 'inherit' | number]

/** The output of a command on its way through us. Disposing ends it, whatever is still in it. */
export interface CarriedOutput extends Disposable {
  readonly stdio: Stdio
  /** The command has its ends: ours are closed, so that the end of its output is seen. */
  started(): void
  /** The command has ended: takes what is left of its output, and waits until all of it is passed on. */
  finish(): Promise<void>
}

/** More than a pipe can hold (/proc/sys/fs/pipe-max-size is 1 MiB): what is left of an output is never more. */
const maxLeft = 1_048_576
const pieceSize = 65_536

/**
 * Carries the output of a command byte by byte and at the pace of whoever reads ours, and shows it to `take`. A terminal
 * stays the command's own, as programs ask it for its size and write to it as they do to no pipe: it is not looked at.
 */
export function carryOutput(
  take: TakeOutput,
  user: { readonly uid: number; readonly gid: number },
  io: Io,
): CarriedOutput {
  using opening = new DisposableStack()
  const stdio: Stdio = ['inherit', 'inherit', 'inherit']
  const carriers: Carrier[] = []
  const carry = (stream: OutputStream, sink: Io['stdout'], descriptors: readonly (1 | 2)[]): void => {
    const carrier = opening.use(new Carrier(sink, part => take(part, stream)))
    // Whoever the command is, it may open its own /dev/stdout.
    fchownSync(carrier.writeEnd, user.uid, user.gid)
    for (const descriptor of descriptors) stdio[descriptor] = carrier.writeEnd
    carriers.push(carrier)
  }
  const [out, error] = [isatty(1), isatty(2)]
  // One file for both, as of `2>&1`: two pipes would lose what came before what.
  if (!out && !error && isSameFile(1, 2)) carry('both', io.stdout, [1, 2])
  else {
    if (!out) carry('stdout', io.stdout, [1])
    if (!error) carry('stderr', io.stderr, [2])
  }
  if (out || error) io.stderr.write('tidegate: what the command writes to this terminal is not looked through\n')
  const owned = opening.move()
  return {
    stdio,
    started: () => carriers.forEach(carrier => carrier.closeWriteEnd()),
    async finish() {
      await Promise.all(carriers.map(carrier => carrier.finish()))
    },
    [Symbol.dispose]: () => owned.dispose(),
  }
}

/** One pipe, from the command to one of our streams. */
class Carrier implements Disposable {
  readonly writeEnd: number
  readonly #readEnd: number
  readonly #source: Socket
  readonly #sink: Io['stdout']
  readonly #take: (part: Buffer) => void
  #hasWriteEnd = true
  #isEnding = false
  #isGone = false

  constructor(sink: Io['stdout'], take: (part: Buffer) => void) {
    const { read, write } = openPipe()
    this.writeEnd = write
    this.#readEnd = read
    this.#sink = sink
    this.#take = take
    this.#source = new Socket({ fd: read, readable: true, writable: false })
    this.#source.on('data', (part: Buffer) => this.#pass(part))
    this.#source.on('error', () => this.#source.destroy())
    sink.on('drain', this.#onDrain)
    sink.on('error', this.#onGone)
  }

  closeWriteEnd(): void {
    if (this.#hasWriteEnd) closeSync(this.writeEnd)
    this.#hasWriteEnd = false
  }

  async finish(): Promise<void> {
    this.#isEnding = true
    this.#source.pause()
    // First what Node has read already; each piece goes through `#pass`.
    while (this.#source.read() !== null);
    if (!this.#source.destroyed && !this.#source.readableEnded) this.#readLeft()
    this.#source.destroy()
    // What the job's own network namespace still runs may hold the other end: it has none of our time any more.
    if (!this.#isGone) await new Promise<void>(fulfil => this.#flush(fulfil))
  }

  [Symbol.dispose](): void {
    this.closeWriteEnd()
    this.#sink.off('drain', this.#onDrain)
    this.#sink.off('error', this.#onGone)
    this.#source.destroy()
  }

  #pass(part: Buffer): void {
    this.#take(part)
    if (!this.#isGone && !this.#sink.write(part) && !this.#isEnding) this.#source.pause()
  }

  /** All that is in the pipe now: the command has ended, so that is all it ever wrote. */
  #readLeft(): void {
    const piece = Buffer.allocUnsafe(pieceSize)
    for (let left = maxLeft; left > 0;) {
      const length = readNow(this.#readEnd, piece)
      if (length === 0) return
      this.#pass(Buffer.from(piece.subarray(0, length)))
      left -= length
    }
  }

  /** Calls back when everything before has been passed on, or nobody takes it. */
  #flush(done: () => void): void {
    this.#sink.once('error', done)
    this.#sink.write('', () => {
      this.#sink.off('error', done)
      done()
    })
  }

  readonly #onDrain = (): void => {
    if (!this.#isEnding) this.#source.resume()
  }

  /** Nobody reads ours: the command is to find that out by itself, as it would have without us. */
  readonly #onGone = (): void => {
    this.#isGone = true
    this.#source.destroy()
  }
}

/** Octets read without waiting; 0 at the end, and when there is nothing. */
function readNow(fd: number, piece: Buffer): number {
  try {
    return readSync(fd, piece)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN') return 0
    throw cause
  }
}

function isSameFile(a: number, b: number): boolean {
  const [first, second] = [fstatSync(a), fstatSync(b)]
  return first.dev === second.dev && first.ino === second.ino
}
