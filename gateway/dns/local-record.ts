import { Packet } from 'dns2'
import type { Hostname } from '../net/hostname.ts'
import { recordType } from './record-type.ts'
import type { Records } from './reply.ts'

/** The PTR record that gives a virtual address its name back. Off the hot path, so `dns2` writes it (docs/adr/0004). */
export function renderPointerRecord(owner: string, host: Hostname): Records {
  const record = new Packet.Resource({
    name: owner,
    type: recordType.ptr,
    class: Packet.CLASS.IN,
    ttl: 0,
    domain: host,
  })
  const bytes = Packet.Resource.encode(record)
  return { count: 1, bytes, ttlOffsets: [owner.length + 2 + 4] }
}

/** HINFO "RFC8482" "": the one record that answers ANY (RFC 8482 §4.2). `dns2` has no codec for HINFO. */
export function renderAnyRecord(): Records {
  const data = Buffer.from('\u0007RFC8482\u0000', 'latin1')
  // Owner: a pointer to the question; type HINFO; class IN; TTL; length.
  const head = Buffer.from([0xc0, 12, 0, recordType.hinfo, 0, 1, 0, 0, 0, 0, 0, data.length])
  return { count: 1, bytes: Buffer.concat([head, data]), ttlOffsets: [6] }
}
