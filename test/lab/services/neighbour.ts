import { addresses } from '../addresses.ts'
import type { ServiceContext } from './start.ts'

/** A machine on the host's own segment that would relay anything for anybody. */
export async function startNeighbour({ front, places }: ServiceContext): Promise<void> {
  const place = Object.values(addresses.neighbour)
  for (const address of place) places.set(address, () => ({ status: 200, body: 'the neighbour relays gladly\n' }))
  await Promise.all(place.flatMap(address => [front.listenPlain(address), front.listenPlain(address, 3_128)]))
}
