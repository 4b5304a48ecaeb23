import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { audit, block, decoysOf, job, services, sightings } from './canary-job.ts'
import { ways } from './canary-ways.ts'

t.setTimeout(240_000)
const skip = whyNoLab(services)

t.test('I6: in block, a canary that is sent is stopped, told, and the last of the network', { skip }, async t => {
  await using lab = await openLab({ services })
  for (const [name, { script, where, how, subject }] of Object.entries(ways)) {
    await t.test(name, async t => {
      await lab.origins.clear()
      await lab.sink.clear()
      await lab.uplink.clear()
      await lab.dns.clear()
      const run = await job(lab, block, `${script}\ncurl -sS -m 5 https://api.acme.test/after`)
      const [first] = sightings(run.lines)
      t.match(first, { subject, note: where })
      t.match(first?.note, how)
      t.match(first?.note, /no network any more/)
      if (name !== 'a DNS question') t.match(first, { process: { exe: /(?:curl|node)$/ } })
      t.match(
        run.lines.filter(({ rule }) => rule?.startsWith('canaries ')),
        [{ verdict: 'deny', reason: 'denied-by-rule', process: { exe: /(?:curl|dig|node)$/ } }],
        'the flow it was in is refused, by name',
      )
      t.same(
        (await lab.origins.requests()).filter(({ body }) => body.length > 0),
        [],
        'no body reached an origin',
      )
      t.notMatch(run.stdout, 'echoed', 'and none was echoed')
      t.same(await lab.origins.requests({ path: '/after' }), [], 'nothing goes out after it')
      for (const { value, anchors } of decoysOf(run.out).canaries) {
        t.notOk(await lab.uplink.contains(value), 'not in any packet that left')
        t.notOk(await lab.uplink.contains(Buffer.from(value).toString('base64').slice(0, 24)), 'nor in base64')
        t.notOk(JSON.stringify(await lab.origins.requests()).includes(value), 'nor in any request')
        for (const anchor of anchors) t.notOk(JSON.stringify(first).includes(anchor), 'never written')
      }
      t.same(await lab.dns.queries({ under: 'evil.test' }), [])
      t.same(await lab.sink.lines(), [], 'the sink is empty')
      t.match(run.summary, { findings: [{ kind: 'canary', subject }] })
    })
  }
})

t.test('in audit, the same is told and carried', { skip }, async t => {
  await using lab = await openLab({ services })
  const script = Object.values(ways)
    .map(way => way.script)
    .join('\n')
  const run = await job(lab, audit, `${script}\ncurl -sS https://api.acme.test/after`)
  const seen = sightings(run.lines)
  for (const { where, subject } of Object.values(ways)) {
    t.ok(
      seen.some(one => one.subject === subject && where.test(one.note)),
      `${subject} ${where}`,
    )
  }
  t.same(
    seen.filter(({ note }) => /no network/.test(note)),
    [],
  )
  t.match(run.stdout, 'echoed')
  t.match(await lab.origins.requests({ path: '/after' }), [{ method: 'GET' }])
  t.equal((await lab.origins.requests({ path: '/upload' })).length, 5)
  t.equal(
    run.lines.filter(({ rule, verdict }) => rule?.startsWith('canaries ') === true && verdict === 'observe').length,
    Object.keys(ways).length,
  )
})
