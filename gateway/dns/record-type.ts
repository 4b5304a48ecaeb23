/** Record types the gateway treats by name; the numbers are IANA's (RFC 1035 §3.2.2 and later). */
export const recordType = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  null: 10,
  ptr: 12,
  hinfo: 13,
  mx: 15,
  txt: 16,
  aaaa: 28,
  srv: 33,
  naptr: 35,
  dname: 39,
  opt: 41,
  ds: 43,
  sshfp: 44,
  rrsig: 46,
  dnskey: 48,
  tlsa: 52,
  svcb: 64,
  https: 65,
  spf: 99,
  ixfr: 251,
  axfr: 252,
  any: 255,
  uri: 256,
  caa: 257,
} as const

const names = new Map<number, string>(Object.entries(recordType).map(([name, code]) => [code, name.toUpperCase()]))

/** The name of a record type as `dig` prints it; `TYPE65280` for one without a name here (RFC 3597 §5). */
export function renderRecordType(type: number): string {
  return names.get(type) ?? `TYPE${type}`
}

/**
 * Whether no record can have this type: the range of questions and meta types (128 to 255, RFC 6895 §3.1), `OPT` and 0.
 * `ANY` is such a type too, but is answered (RFC 8482).
 */
export function isMetaType(type: number): boolean {
  return type === 0 || type === recordType.opt || (type >= 128 && type <= 255)
}
