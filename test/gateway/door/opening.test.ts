import t from 'tap'
import { readOpening, settleOpening } from '../../../gateway/door/opening.ts'
import { hello } from './hello.ts'

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const openings: readonly [string, string | Buffer, string][] = [
  ['a GET', 'GET / HTTP/1.1\r\n', 'http1'],
  ['a method nobody knows', 'X-ODD.METHOD /x', 'http1'],
  ['a request in absolute form', 'GET http://a.example.com/', 'http1'],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1', 'http1'],
  ['CONNECT (T8)', 'CONNECT a.example.com:443 HTTP/1.1', 'http1'],
  ['CONNECT to an IPv6 address', 'CONNECT [2001:db8::1]:443 HTTP/1.1', 'http1'],
  ['HTTP/2 by prior knowledge', preface, 'h2c'],
  ['a TLS hello', hello({ name: 'a.example.com' }), 'tls'],
  ['a TLS hello that breaks its own lengths', Buffer.from([22, 3, 1, 0, 0]), 'broken-tls'],
  ['an SSH banner, though it has a space (T7)', 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n', 'other'],
  ['SMTP', 'EHLO a.example.com\r\n', 'other'],
  ['a PostgreSQL start-up', Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), 'other'],
  ['a word longer than any method', `${'A'.repeat(33)} / HTTP/1.1`, 'other'],
  ['a NUL', '\0', 'other'],
]
for (const [what, bytes, kind] of openings) {
  t.test(`readOpening(): ${what} is ${kind}, and is never taken for anything else on the way`, async t => {
    const whole = Buffer.from(bytes)
    t.equal(readOpening(whole).kind, kind)
    for (let length = 0; length < whole.length; length += 1) {
      const { kind: early } = readOpening(whole.subarray(0, length))
      if (early !== 'incomplete' && early !== kind) t.fail(`${early} after ${length} bytes`)
    }
  })
}

const unfinished: readonly [string, Buffer, string][] = [
  ['nothing', Buffer.alloc(0), 'silent'],
  ['half a hello (T5)', hello({ name: 'a.example.com' }).subarray(0, 40), 'broken-tls'],
  ['half a method', Buffer.from('GE'), 'other'],
  ['half a preface', Buffer.from('PRI * HT'), 'other'],
]
for (const [what, bytes, kind] of unfinished) {
  t.test(`settleOpening(): ${what} is ${kind} when no more comes`, async t => {
    t.equal(settleOpening(bytes).kind, kind)
  })
}
