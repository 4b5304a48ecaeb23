import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'

// In audit a request for another host goes where its connection leads, but not when that host is forbidden.

const own = 'api.example.test'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const policy = policyOf('audit', [`http://${own}`, 'forbid evil.test', 'forbid POST http://part.test/x/**'])
const ends = (text: string): boolean => text.endsWith('ok') || text.includes('tidegate: ')

function head(method: string, target: string, host: string): string {
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
}

const forbidden: readonly (readonly [what: string, request: string, asked: string])[] = [
  ['a Host', head('GET', '/', 'evil.test'), 'evil.test'],
  ['a Host with an empty port', head('GET', '/', 'evil.test:'), 'evil.test:'],
  ['a Host with userinfo', head('GET', '/', 'x@evil.test'), 'x@evil.test'],
  ['a Host with another port', head('GET', '/', 'EVIL.test.:8080'), 'EVIL.test.:8080'],
  ['an absolute target', head('GET', 'http://evil.test/', own), 'evil.test'],
  ['an absolute target of another scheme', head('GET', 'https://evil.test/', own), 'https://evil.test'],
  ['a Host beside an absolute target', head('GET', 'http://other.test/', 'evil.test'), 'other.test'],
  ['a Host beside the own place as a target', head('GET', `http://${own}/`, 'evil.test'), 'evil.test'],
  ['a Host beside a path without a normal form', head('GET', '/a\\b', 'evil.test'), 'evil.test'],
  ['a part of a host', head('POST', '/x/y', 'part.test'), 'part.test'],
]
for (const [what, request, asked] of forbidden) {
  t.test(
    `relayHttp1(): ${what} that names what is forbidden is refused in audit, and the record says it (T2, T3)`,
    async t => {
      const reached: string[] = []
      await using it = await Harness.open(
        policy,
        scripted(text => (reached.push(text), ok)),
      )
      t.match(await it.ask(request, ends), /^HTTP\/1\.1 403 [\s\S]*x-tidegate-reason: forbidden/)
      t.match(await it.job.recorded(1), [{ verdict: 'deny', reason: 'forbidden', host: own, asked }])
      t.strictSame(reached, [])
    },
  )
}

t.test('relayHttp1(): a tunnel to what is forbidden is refused in audit (T8)', async t => {
  const reached: string[] = []
  await using it = await Harness.open(
    policy,
    scripted(text => (reached.push(text), ok)),
  )
  t.match(await it.ask(head('CONNECT', 'evil.test:443', 'evil.test:443'), ends), /x-tidegate-reason: forbidden/)
  t.strictSame(reached, [])
})

const observed: readonly (readonly [what: string, request: string, asked: string])[] = [
  ['another host', head('GET', '/', 'other.test'), 'other.test'],
  ['another port', head('GET', '/', `${own}:8080`), `${own}:8080`],
  ['no host at all', head('GET', '/', '???'), '???'],
  ['a part that is not the forbidden one', head('GET', '/x/y', 'part.test'), 'part.test'],
]
for (const [what, request, asked] of observed) {
  t.test(`relayHttp1(): ${what} is carried in audit, and the record names it (T2)`, async t => {
    await using it = await Harness.open(
      policy,
      scripted(text => (text.endsWith('\r\n\r\n') ? ok : undefined)),
    )
    t.match(await it.ask(request, ends), /^HTTP\/1\.1 200/)
    t.match(await it.job.recorded(1), [{ verdict: 'observe', reason: 'host-mismatch', host: own, asked }])
  })
}
