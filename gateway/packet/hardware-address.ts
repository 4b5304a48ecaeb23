import { randomBytes } from 'node:crypto'

/** The hardware addresses of both ends of a wire, as `02:54:…`: locally administered, unicast, so nobody's. */
export interface HardwareAddresses {
  readonly gateway: string
  readonly job: string
}

/** Addresses that no wire had before: whoever finds one on a device knows that it is this very wire. */
export function newHardwareAddresses(): HardwareAddresses {
  const tail = [...randomBytes(4)].map(byte => byte.toString(16).padStart(2, '0')).join(':')
  return { gateway: `02:00:${tail}`, job: `02:01:${tail}` }
}
