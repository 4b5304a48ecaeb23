import t from 'tap'
import { judgeDenied, question } from '../../../gateway/attest/dns.ts'
import { judgeNoRoute, judgePage, judgeTcp, type TcpOutcome } from '../../../gateway/attest/tcp.ts'
import { judgeUdp } from '../../../gateway/attest/udp.ts'

const page = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nx-tidegate-reason: no-rule\r\n\r\nno'

const tcp: readonly (readonly [sentence: string, outcome: TcpOutcome, kind: 'held' | 'broken'])[] = [
  ['taken and reset', { connected: true, heard: '', ending: 'ECONNRESET' }, 'held'],
  ['taken and ended', { connected: true, heard: '', ending: 'end' }, 'held'],
  ['reset before it was taken', { connected: false, heard: '', ending: 'ECONNREFUSED' }, 'held'],
  ['a page of the gateway', { connected: true, heard: page, ending: 'end' }, 'held'],
  ['no route', { connected: false, heard: '', ending: 'ENETUNREACH' }, 'held'],
  ['a 403 of somebody else', { connected: true, heard: 'HTTP/1.1 403 Forbidden\r\n\r\n', ending: 'end' }, 'broken'],
  [
    'a page that names the gateway in its body',
    { connected: true, heard: 'HTTP/1.1 403 Forbidden\r\n\r\n\r\nx-tidegate-reason: no-rule', ending: 'end' },
    'broken',
  ],
  ['a success with our header', { connected: true, heard: page.replace('403', '200'), ending: 'end' }, 'broken'],
  ['a greeting', { connected: true, heard: 'SSH-2.0-x\r\n', ending: 'silence' }, 'broken'],
  ['taken and kept', { connected: true, heard: '', ending: 'silence' }, 'broken'],
  ['never answered', { connected: false, heard: '', ending: 'silence' }, 'broken'],
  ['something strange', { connected: false, heard: '', ending: 'EMFILE' }, 'broken'],
]

for (const [sentence, outcome, kind] of tcp)
  t.test(`judgeTcp(): ${sentence}: ${kind}`, async t => {
    t.equal(judgeTcp('there', outcome, 'change').kind, kind)
  })

t.test('judgePage(): who only ends the connection may be anybody', async t => {
  const kindOf = (heard: string, ending: string) =>
    judgePage('there', { connected: true, heard, ending }, 'change').kind
  t.equal(kindOf(page, 'end'), 'held')
  for (const ending of ['end', 'ECONNRESET', 'ECONNREFUSED', 'silence']) t.equal(kindOf('', ending), 'broken', ending)
  t.equal(kindOf('HTTP/1.1 404 Not Found\r\n\r\n', 'end'), 'broken')
})

t.test('judgeNoRoute(): only the kernel’s own word will do', async t => {
  const kindOf = (ending: string, connected = false) =>
    judgeNoRoute('there', { connected, heard: '', ending }, 'change').kind
  t.equal(kindOf('ENETUNREACH'), 'held')
  for (const ending of ['silence', 'ECONNREFUSED', 'ECONNRESET']) t.equal(kindOf(ending), 'broken', ending)
  t.equal(kindOf('end', true), 'broken')
})

t.test('judgeUdp(): bytes do not hold; a refusal and silence do', async t => {
  t.equal(judgeUdp('there', { heard: Buffer.of(1) }, 'change').kind, 'broken')
  t.equal(judgeUdp('there', { errno: 'ECONNREFUSED' }, 'change').kind, 'held')
  t.equal(judgeUdp('there', { silence: true }, 'change').kind, 'held')
})

t.test('judgeDenied(): only a refusal in the gateway’s words holds', async t => {
  const answer = (rcode: number, words = '') => {
    const message = question('name.invalid', 1)
    message[2] = 0x81
    message[3] = 0x80 | rcode
    return Buffer.concat([message, Buffer.from(words, 'latin1')])
  }
  const ours = '\u0000\u000f\u0000\u0010\u0000\u000ftidegate: no-rule'
  const kindOf = (message: Buffer | undefined) => judgeDenied('there', message, 'change').kind
  t.equal(kindOf(answer(3, ours)), 'held')
  t.equal(kindOf(answer(3)), 'broken', 'the name was asked outside')
  t.equal(kindOf(answer(0, ours)), 'broken', 'an address is no refusal')
  t.equal(kindOf(answer(2, ours)), 'broken')
  t.equal(kindOf(answer(3, ours.replace('\u000ftidegate', '\u0003tidegate'))), 'broken', 'another kind of error')
  t.equal(kindOf(undefined), 'broken')
  t.equal(kindOf(Buffer.of(1)), 'broken')
})
