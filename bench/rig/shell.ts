import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** What a command said, standard error included. */
export interface Said {
  readonly output: string
  readonly exitCode: number
}

/** A POSIX shell in some place, kept open, that runs one command after the other: where the load comes from. */
export class Shell implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #heard = ''
  #complaints = ''
  #isOver = false
  readonly #news = new EventTarget()

  /** `child`: a shell, or a program that hands its standard streams to one. */
  constructor(child: ChildProcess) {
    this.#child = child
    const over = (): void => {
      this.#isOver = true
      this.#news.dispatchEvent(new Event('news'))
    }
    this.#ended = once(child, 'close').then(over, over)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#heard += text
      this.#news.dispatchEvent(new Event('news'))
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text))
    child.stdin?.on('error', over)
  }

  /** The program that the shell was started with; above it in the tree, if it is not the shell itself. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What the program itself said on standard error. */
  get complaints(): string {
    return this.#complaints
  }

  /** Runs a command line to its end. @throws Error when the shell is gone or it takes longer than `timeoutMs`. */
  async run(command: string, timeoutMs = 60_000): Promise<Said> {
    const mark = `end-${Math.random().toString(36).slice(2)}`
    this.#heard = ''
    this.#child.stdin?.write(`{ ${command}\n} 2>&1 </dev/null; printf '\\n${mark} %d\\n' $?\n`)
    const limit = AbortSignal.timeout(timeoutMs)
    const end = new RegExp(`\\n${mark} (\\d+)\\n`)
    for (;;) {
      const match = end.exec(this.#heard)
      if (match !== null) return { output: this.#heard.slice(0, match.index), exitCode: Number(match[1]) }
      if (this.#isOver) throw new Error(`the shell ended during: ${command}\n${this.#heard}${this.#complaints}`)
      try {
        await once(this.#news, 'news', { signal: limit })
      } catch (cause) {
        throw new Error(`too slow: ${command}\n${this.#heard}${this.#complaints}`, { cause })
      }
    }
  }

  /** Ends the shell by ending its input; what does not end by itself within 20 s is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000)
    await this.#ended
    clearTimeout(timer)
  }
}
