import type { Capture } from './capture/capture.ts'
import { describePacket, type Packet, type PacketFilter } from './capture/packet.ts'
import type { ConnectionRecord, RequestRecord } from './origins/recorder.ts'
import type { AttackerOffer } from './servers/attacker-offer.ts'
import type { Caller } from './servers/channel.ts'

/**
 * The attacker, and all the rest of the world: every packet to any address that is not a known origin ends here, is
 * captured and, where that is possible, answered. Each question waits first until what was sent before it has arrived.
 */
export class Sink {
  readonly #capture: Capture
  readonly #attacker: Caller<AttackerOffer>

  constructor(capture: Capture, attacker: Caller<AttackerOffer>) {
    this.#capture = capture
    this.#attacker = attacker
  }

  /** Waits until every packet sent before the call has been captured. */
  async settled(): Promise<void> {
    await this.#capture.settled()
  }

  /** The packets that arrived, oldest first. */
  async packets(filter?: PacketFilter | ((packet: Packet) => boolean)): Promise<readonly Packet[]> {
    return this.#capture.packets(filter)
  }

  /** How many packets arrived. */
  async count(filter?: PacketFilter | ((packet: Packet) => boolean)): Promise<number> {
    return this.#capture.count(filter)
  }

  /** One line for each packet that arrived: compare with `[]` and a failing test says what got out. */
  async lines(filter?: PacketFilter | ((packet: Packet) => boolean)): Promise<readonly string[]> {
    return (await this.#capture.packets(filter)).map(describePacket)
  }

  /** Whether the bytes arrived, in the clear in any packet or flow, or inside a TLS connection the attacker terminated. */
  async contains(needle: string | Uint8Array): Promise<boolean> {
    if (await this.#capture.contains(needle)) return true
    const [connections, requests, queries] = await Promise.all([
      this.#attacker('connections'),
      this.#attacker('requests'),
      this.#attacker('queries'),
    ])
    const bytes = Buffer.from(needle)
    const heard = [
      ...connections.map(({ received }) => received),
      ...requests.flatMap(({ head, body, headers }) => [
        head,
        body.bytes,
        Buffer.from(headers.flat().join('\n'), 'latin1'),
      ]),
      ...queries.map(query => query.bytes),
    ]
    return heard.some(text => Buffer.from(text).includes(bytes))
  }

  /** TCP connections the attacker accepted, with what it heard (decrypted). `address` and `port` are where the client meant to go. */
  async connections(): Promise<readonly ConnectionRecord[]> {
    const opened = await this.#capture.packets(({ protocol, flags }) => protocol === 'tcp' && flags === 'S')
    return (await this.#attacker('connections')).map(connection => {
      const first = opened.findLast(
        ({ source, sourcePort, timeMs }) =>
          source === connection.peer && sourcePort === connection.peerPort && timeMs <= connection.timeMs + 1,
      )
      return {
        ...connection,
        address: first?.destination ?? connection.address,
        port: first?.destinationPort ?? connection.port,
      }
    })
  }

  /** HTTP requests the attacker answered. */
  async requests(): Promise<readonly RequestRecord[]> {
    return this.#attacker('requests')
  }

  /** Forgets everything so far, the queries of the attacker's resolver included. */
  async clear(): Promise<void> {
    await this.#capture.clear()
    await this.#attacker('clear')
  }
}
