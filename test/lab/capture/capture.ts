import { setTimeout as delay } from 'node:timers/promises'
import type { Namespace } from '../namespace.ts'
import { dissect, packetPredicate, type Packet, type PacketFilter } from './packet.ts'
import { PcapReader } from './pcap.ts'
import { Tcpdump } from './tcpdump.ts'

/** How to capture. */
export interface CaptureOptions {
  readonly device: string
  /** A tcpdump expression: which frames. */
  readonly expression: string
  /** Bytes kept of each frame. */
  readonly snapLength: number
  /** Bytes kept in all; the oldest packets go first, and `dropped()` counts them. */
  readonly maxBytes: number
  /** Sends a marker that this capture sees; called with the marker's payload. */
  readonly mark: (token: string) => Promise<void>
}

const markerPrefix = 'tidegate-lab-marker-'

/** The packets of one wire. Every question first waits until all that was sent before it has been seen. */
export class Capture {
  readonly #options: CaptureOptions
  readonly #waiting = new Map<string, () => void>()
  readonly #tcpdump: Tcpdump
  #packets: Packet[] = []
  #bytes = 0
  #dropped = 0
  #droppedByKernel = 0
  #markers = 0
  #failure: Error | undefined
  #verifying: Promise<void> | undefined

  private constructor(tcpdump: Tcpdump, options: CaptureOptions) {
    this.#tcpdump = tcpdump
    this.#options = options
    const reader = new PcapReader(frame => this.#keep(dissect(frame)))
    tcpdump.child.stdout?.on('data', (piece: Buffer) => {
      try {
        reader.push(piece)
      } catch (cause) {
        this.#failure ??= new Error('capture stream is broken', { cause })
      }
    })
    tcpdump.child.once('exit', (code, signal) => {
      this.#failure ??= new Error(`tcpdump ended: ${code ?? signal}`)
    })
  }

  /** Starts capturing in a namespace. The lab ends it. */
  static async open(namespace: Namespace, options: CaptureOptions): Promise<Capture> {
    const tcpdump = await Tcpdump.start(namespace, options.device, options.snapLength, options.expression)
    return new Capture(tcpdump, options)
  }

  /** Pid of tcpdump, for whoever measures. */
  get pid(): number | undefined {
    return this.#tcpdump.child.pid
  }

  /** Waits until every packet that had been sent before the call is in the record. */
  async settled(): Promise<void> {
    // Twice: a packet of another CPU's backlog may be overtaken by one marker, but not by one sent a moment later.
    await this.#roundTrip()
    await delay(2)
    await this.#roundTrip()
  }

  /**
   * The packets so far that pass the filter, oldest first.
   * @throws Error when packets were lost (see `dropped`), because then nothing can be said about what did not arrive.
   */
  async packets(filter?: PacketFilter | ((packet: Packet) => boolean)): Promise<readonly Packet[]> {
    await this.settled()
    this.#verifying ??= this.#verifyNothingLost()
    await this.#verifying
    return this.#packets.filter(packetPredicate(filter))
  }

  /** How many packets pass the filter. */
  async count(filter?: PacketFilter | ((packet: Packet) => boolean)): Promise<number> {
    return (await this.packets(filter)).length
  }

  /** Whether the bytes occur in a packet, or across consecutive packets of one flow and direction. */
  async contains(needle: string | Uint8Array): Promise<boolean> {
    const packets = await this.packets()
    const bytes = Buffer.from(needle)
    if (packets.some(packet => packet.bytes.includes(bytes))) return true
    const flows = Map.groupBy(
      packets.filter(({ payload }) => payload.length > 0),
      flowKey,
    )
    return [...flows.values()].some(flow => Buffer.concat(flow.map(({ payload }) => payload)).includes(bytes))
  }

  /** Packets since the last `clear()` that no longer fitted in memory. */
  dropped(): number {
    return this.#dropped
  }

  /** Forgets what was captured so far (after waiting for it), losses included. */
  async clear(): Promise<void> {
    await this.settled()
    this.#packets = []
    this.#bytes = 0
    this.#dropped = 0
    this.#droppedByKernel = await this.#tcpdump.droppedByKernel()
  }

  async #verifyNothingLost(): Promise<void> {
    try {
      const lost = this.#dropped + (await this.#tcpdump.droppedByKernel()) - this.#droppedByKernel
      if (lost > 0) throw new Error(`capture has lost ${lost} packets: clear() it after heavy traffic`)
    } finally {
      this.#verifying = undefined
    }
  }

  #keep(packet: Packet): void {
    if (packet.protocol === 'udp' && packet.payload.toString('latin1', 0, markerPrefix.length) === markerPrefix) {
      const done = this.#waiting.get(packet.payload.toString('latin1'))
      if (done !== undefined) return done()
    }
    this.#packets.push(packet)
    this.#bytes += packet.bytes.length
    if (this.#bytes > this.#options.maxBytes) this.#forgetOldest()
  }

  /** A quarter at a time: one by one would move the whole list for each packet. */
  #forgetOldest(): void {
    let count = 0
    while (this.#bytes > this.#options.maxBytes * 0.75)
      this.#bytes -= this.#packets[count++]?.bytes.length ?? this.#bytes
    this.#packets.splice(0, count)
    this.#dropped += count
  }

  async #roundTrip(): Promise<void> {
    const token = `${markerPrefix}${process.pid}-${this.#options.device}-${(this.#markers += 1)}`
    const seen = Promise.withResolvers<void>()
    this.#waiting.set(token, seen.resolve)
    try {
      for (let attempt = 0; attempt < 50; attempt += 1) {
        if (this.#failure !== undefined) throw this.#failure
        await this.#options.mark(token)
        const pause = new AbortController()
        const arrived = await Promise.race([
          seen.promise.then(() => true),
          delay(200, false, { signal: pause.signal }).catch(() => false),
        ])
        pause.abort()
        if (arrived) return
      }
      throw new Error(`capture on ${this.#options.device} does not see its markers`)
    } finally {
      this.#waiting.delete(token)
    }
  }
}

function flowKey({ protocol, source, sourcePort, destination, destinationPort }: Packet): string {
  return `${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`
}
