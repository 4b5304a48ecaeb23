import t from 'tap'
import { hostname } from './fake-job.ts'
import { reply, type Script } from './scripted-resolver.ts'
import { answerOf, never, upstreamRig, www } from './upstream-rig.ts'

const a = 1
const txt = 16

const forged: readonly [string, Script][] = [
  ['a wrong id', asked => forge(asked, answer => answer.writeUInt16BE(0xffff, 0))],
  ['another name', asked => reply({ ...asked, name: 'wwx.test' }, { answers: [{ type: a, address: '203.0.113.6' }] })],
  ['another type', asked => reply({ ...asked, type: txt })],
  ['no QR', asked => forge(asked, answer => (answer[2] = 1))],
  ['a header cut short', asked => reply(asked).subarray(0, 11)],
]
function forge(asked: Parameters<Script>[0], change: (answer: Buffer) => unknown): Buffer {
  const answer = reply(asked, { answers: [{ type: a, address: '203.0.113.6' }] })
  change(answer)
  return answer
}
for (const [name, script] of forged) {
  t.test(`exists(): a forged answer with ${name} is ignored, the real one behind it is taken`, async t => {
    const { upstream, resolver } = await upstreamRig(
      t,
      asked => [script(asked), answerOf(asked)].flatMap(answers => answers ?? []),
      { hasIpv6: () => false, patience: { tryMs: 20_000, tries: 1, deadlineMs: 60_000 } },
    )
    t.same(await upstream.resolve(www, never()), ['192.0.2.1'])
    t.equal(resolver.asked.length, 1)
  })
}

t.test('exists(): questions leave from several ports, under ids nobody can guess', async t => {
  const { upstream, resolver } = await upstreamRig(t, answerOf, { hasIpv6: () => false })
  for (let index = 0; index < 64; index++) await upstream.exists(hostname(`n${index}.test`))
  t.ok(new Set(resolver.asked.map(({ port }) => port)).size >= 4)
  t.ok(new Set(resolver.asked.map(({ bytes }) => bytes.readUInt16BE(0))).size > 50)
})

t.test('exists(): nothing of the client is in the question but the canonical name', async t => {
  const { upstream, resolver } = await upstreamRig(t, answerOf, { hasIpv6: () => false })
  await upstream.exists(hostname('WwW.Test.'))
  t.equal(
    resolver.asked[0]?.bytes.subarray(12).toString('hex'),
    ['0377777704746573740', '000010001', '00002904d0000000000000'].join(''),
  )
})
