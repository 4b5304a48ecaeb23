/** Response codes (RFC 1035 §4.1.1); `badvers` does not fit the header and travels in the OPT record (RFC 6891 §6.1.3). */
export const rcode = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5, badVers: 16 } as const

const names = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

/** The code as `dig` prints it, e.g. `NXDOMAIN`; `RCODE9` for one without a name here. */
export function renderRcode(code: number): string {
  return code === rcode.badVers ? 'BADVERS' : (names[code] ?? `RCODE${code}`)
}
