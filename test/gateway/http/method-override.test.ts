import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'
import { collect, H2Rig, host as h2Host, request } from './h2-rig.ts'

const own = 'api.example.test'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const ends = (text: string): boolean => text.endsWith('ok') || text.includes('tidegate: ')
const rules = [`POST http://${own}/x`, `PATCH http://${own}/x`]

const cases: readonly (readonly [field: string, status: number])[] = [
  ['X-HTTP-Method-Override: DELETE', 403],
  ['x-http-method-override:delete', 403],
  ['X-Method-Override: DELETE', 403],
  ['X-HTTP-Method: DELETE', 403],
  ['X-HTTP-Method-Override: PATCH, DELETE', 403],
  ['X-HTTP-Method-Override: PATCH\r\nX-HTTP-Method: DELETE', 403],
  ['X-HTTP-Method-Override: PATCH', 200],
  ['X-HTTP-Method-Override: GET', 200],
  ['X-HTTP-Method-Override:', 200],
  ['X-HTTP-Method-Overrides: DELETE', 200],
]
for (const [field, status] of cases) {
  t.test(
    `relayHttp1(): a POST with ${JSON.stringify(field)} under a rule for POST and PATCH: ${status} (A1)`,
    async t => {
      await using it = await Harness.open(
        policyOf('block', rules),
        scripted(text => (text.endsWith('\r\n\r\n') ? ok : undefined)),
      )
      const answer = await it.ask(`POST /x HTTP/1.1\r\nHost: ${own}\r\n${field}\r\nContent-Length: 0\r\n\r\n`, ends)
      t.match(answer, new RegExp(`^HTTP/1\\.1 ${status}`))
      const refused = { verdict: 'deny', reason: 'method', method: 'POST' }
      t.match(await it.job.recorded(1), [status === 200 ? { verdict: 'allow' } : refused])
      if (status !== 200) t.match(answer, `  - DELETE http://${own}/x`, 'the line that would allow what was asked for')
    },
  )
}

t.test('relayHttp1(): a forbidden method is refused in audit, also as the one to act on', async t => {
  await using it = await Harness.open(
    policyOf('audit', [`forbid DELETE http://${own}/**`]),
    scripted(() => ok),
  )
  const answer = await it.ask(
    `POST /x HTTP/1.1\r\nHost: ${own}\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n`,
    ends,
  )
  t.match(answer, /^HTTP\/1\.1 403 [\s\S]*x-tidegate-reason: forbidden/)
})

t.test('relayHttp1(): a method to act on is no way around the other checks', async t => {
  await using it = await Harness.open(
    policyOf('block', [`http://${own}`]),
    scripted(() => ok),
  )
  const answer = await it.ask(
    `POST /any HTTP/1.1\r\nHost: ${own}\r\nX-HTTP-Method: PUT\r\nContent-Type: application/dns-message\r\nContent-Length: 0\r\n\r\n`,
    ends,
  )
  t.match(answer, /x-tidegate-reason: protocol/)
})

t.test('relayHttp2(): a method to act on is judged like the method', async t => {
  await using rig = new H2Rig(
    stream => stream.respond([':status', '200'], { endStream: true }),
    [`POST https://${h2Host}/x`],
  )
  const client = await rig.client()
  const head = request('POST', '/x', 'x-http-method-override', 'DELETE')
  t.match((await collect(client.request(head, { endStream: true }))).head, [':status', '403'])
  t.match(await rig.gateway.job.recorded(1), [{ verdict: 'deny', reason: 'method' }])
})
