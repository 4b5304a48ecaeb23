import t from 'tap'
import { query, queryOfLabels } from '../gateway/dns/client.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, type Ending, raid, refused } from './bypass.ts'
import { dns, types } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const api = 'api.acme.test'
const allow = [`https://${api}`, '"https://*.wild.test"']

/** Messages that are no question for a host name; `loot` is somewhere in them. Never passed on, in no mode. */
const strange: readonly (readonly [what: string, message: (loot: string) => Buffer, got: RegExp])[] = [
  ['NUL inside a label', loot => queryOfLabels(labels(`${loot}\0`, 'acme', 'test'), 1), /^NXDOMAIN/],
  ['NUL before an allowed name', loot => queryOfLabels(labels(`${loot}\0.api`, 'acme', 'test'), 1), /^NXDOMAIN/],
  ['an allowed name as one label of another', loot => queryOfLabels(labels(api, loot, 'evil', 'test'), 1), /^NXDOMAIN/],
  [
    'a dot inside a label of an allowed wildcard',
    loot => queryOfLabels(labels(`${loot}.evil`, 'wild', 'test'), 1),
    /^NXDOMAIN/,
  ],
  ['a space in a label', loot => queryOfLabels(labels(`${loot} `, 'wild', 'test'), 1), /^NXDOMAIN/],
  ['brackets', loot => queryOfLabels(labels(`[${loot}]`, 'wild', 'test'), 1), /^NXDOMAIN/],
  [
    'bytes above 127 that look like an allowed name',
    loot => queryOfLabels(labels(loot, 'w\xeeld', 'test'), 1),
    /^NXDOMAIN/,
  ],
  ['a slash and a colon', loot => queryOfLabels(labels(`http://${loot}`, 'wild', 'test'), 1), /^NXDOMAIN/],
  ['a star as label', loot => queryOfLabels(labels('*', loot, 'wild', 'test'), 1), /^NXDOMAIN/],
  [
    'more than 255 bytes',
    loot =>
      queryOfLabels(
        [...labels(loot), ...Array.from({ length: 5 }, () => Buffer.alloc(60, 97)), ...labels('wild', 'test')],
        1,
      ),
    /^FORMERR/,
  ],
  [
    'a label of 64 bytes',
    loot => queryOfLabels([Buffer.from(loot.padEnd(64, 'a')), ...labels('wild', 'test')], 1),
    /^FORMERR/,
  ],
  [
    'a pointer in the question',
    loot => Buffer.concat([Buffer.from('1234010000010000000000000161c00c00010001', 'hex'), Buffer.from(loot)]),
    /^FORMERR/,
  ],
  ['two questions', loot => twoQuestions(loot), /^FORMERR/],
  ['class CHAOS', loot => query(`${loot}.wild.test`, types.txt, { class: 3 }), /^REFUSED/],
  ['a dynamic update', loot => query(`${loot}.wild.test`, types.soa, { opcode: 5 }), /^NOTIMP/],
  ['a notification', loot => query(`${loot}.wild.test`, types.soa, { opcode: 4 }), /^NOTIMP/],
  ['a transfer of a zone', loot => query(`${loot}.wild.test`, 252), /^REFUSED/],
  ['bytes behind the question', loot => Buffer.concat([query('a.wild.test', 1), Buffer.from(loot)]), /^FORMERR/],
  ['no DNS at all', loot => Buffer.from(`GET /${loot} HTTP/1.1\r\n\r\n`), /./],
]

const isAllowed: Ending = {
  got: /^NOERROR .*198\.18\./,
  line: { layer: 'dns', host: api, verdict: 'allow', qtype: 'A' },
  arrives: false,
}

const forms: readonly Attack[] = [
  ...strange.map(([what, message, got]): Attack => {
    const ending = (): Ending => ({ got, arrives: false })
    return { id: 'D12', what, does: loot => dns(message(loot)), block: ending, audit: ending }
  }),
  {
    id: 'D12',
    what: 'such a name leaves its line',
    does: loot => dns(queryOfLabels(labels(`${loot}\0x`, 'wild', 'test'), 1)),
    block: loot =>
      refused(/^NXDOMAIN/, { layer: 'dns', host: new RegExp(`${loot}.*000x\\.wild\\.test`), reason: 'malformed' }),
    audit: loot =>
      refused(/^NXDOMAIN/, { layer: 'dns', host: new RegExp(`${loot}.*000x\\.wild\\.test`), reason: 'malformed' }),
  },
  {
    id: 'D12',
    what: 'the allowed name in any case is the allowed name',
    does: () => dns(query('API.aCME.TeST', types.a)),
    block: () => isAllowed,
    audit: () => isAllowed,
  },
  {
    id: 'D12',
    what: 'what rides in options of an allowed question stays here',
    does: loot => {
      const plain = query(api, types.mx, { edns: {} })
      const option = Buffer.concat([Buffer.from([0xfd, 0xe9, 0, loot.length]), Buffer.from(loot)])
      return dns(Buffer.concat([plain.subarray(0, -2), Buffer.from([0, option.length]), option]))
    },
    block: () => ({
      got: /^NOERROR/,
      line: { layer: 'dns', host: api, qtype: 'MX', reason: 'dns-type', verdict: 'deny' },
      arrives: false,
    }),
    audit: () => ({
      got: /^NOERROR/,
      line: { layer: 'dns', host: api, qtype: 'MX', reason: 'dns-type', verdict: 'observe' },
      arrives: false,
    }),
  },
]

const labels = (...texts: readonly string[]): Buffer[] => texts.map(text => Buffer.from(text, 'latin1'))

function twoQuestions(loot: string): Buffer {
  const [one, other] = [query(api, 1), query(`${loot}.evil.test`, 1)]
  const both = Buffer.concat([one, other.subarray(12)])
  both.writeUInt16BE(2, 4)
  return both
}

t.test('D12: names that are none, and messages that are no questions', { skip }, async t => {
  await using lab = await openLab({})
  await lab.serve('*.wild.test')
  for (const mode of ['block', 'audit'] as const) {
    await raid(t, lab, { attacks: forms, mode, allow })
    const spelled = (await lab.dns.queries()).filter(
      ({ rawName, name, edns }) => rawName !== name || (edns?.options.length ?? 0) > 0,
    )
    t.strictSame(spelled, [], `no question carries case or options of the job (${mode})`)
  }
})
