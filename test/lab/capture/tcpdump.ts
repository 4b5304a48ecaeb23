import type { ChildProcess } from 'node:child_process'
import type { Namespace } from '../namespace.ts'

/** A running tcpdump that writes pcap to its standard output. */
export class Tcpdump {
  readonly child: ChildProcess
  #said = ''
  #onSaid: (() => void) | undefined

  private constructor(child: ChildProcess) {
    this.child = child
    // Read to the end: a closed pipe would end tcpdump in the middle of a line.
    child.stderr?.on('data', piece => {
      this.#said += String(piece)
      this.#onSaid?.()
    })
    child.once('close', () => this.#onSaid?.())
  }

  /** Starts it in a namespace and waits until it listens. The lab ends it. */
  static async start(namespace: Namespace, device: string, snapLength: number, expression: string): Promise<Tcpdump> {
    const flags = '-n -U --immediate-mode -B 16384 -Z root -w -'.split(' ')
    const tcpdump = new Tcpdump(
      namespace.spawn('/usr/bin/tcpdump', [...flags, '-i', device, '-s', String(snapLength), expression]),
    )
    await tcpdump.#hears(/listening on .*\n/)
    return tcpdump
  }

  /** How many packets the kernel could not hand over so far. */
  async droppedByKernel(): Promise<number> {
    this.#said = ''
    this.child.kill('SIGUSR1')
    return Number(await this.#hears(/(\d+) packets? dropped by kernel/))
  }

  /** Waits for words on its standard error; returns their first group. */
  async #hears(words: RegExp): Promise<string> {
    for (;;) {
      const found = words.exec(this.#said)
      if (found !== null) return found[1] ?? ''
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`tcpdump ended: ${this.#said.trim()}`)
      await new Promise<void>(resolve => (this.#onSaid = resolve))
    }
  }
}
