import t from 'tap'
import { Rig } from './rig.ts'

const file = Buffer.from('what is in the package')

t.test('what the short metadata does not say the date of the file may', async t => {
  const registry = 'https://registry.npmjs.org'
  const url = (host: string): string => `${host}/busy/-/busy-1.0.0.tgz`
  const old = { 'last-modified': 'Tue, 10 Feb 2026 08:00:00 GMT' }
  const young = { 'last-modified': 'Mon, 09 Mar 2026 08:00:00 GMT' }
  const fetch = (host: string, fields: Readonly<Record<string, string>>, more: object = {}, status = 200) => {
    const rig = new Rig({ minimumAgeDays: 7, ...more })
    const fetched = rig.fetch({ url: url(host) }, { status, fields, body: file })
    return { ...fetched, kinds: rig.kinds, note: rig.alarms[0]?.note }
  }
  for (const host of [registry, 'https://npm.test'])
    t.match(
      fetch(host, old),
      { rule: undefined, details: { ageFrom: 'last-modified', age: undefined }, kinds: [] },
      host,
    )
  t.match(fetch(registry, old).details, { published: '2026-02-10T08:00:00.000Z' })
  t.match(fetch('https://npm.test', old).details, { publishedBefore: '2026-02-10T08:00:00.000Z', published: undefined })
  for (const status of [200, 206, 304]) {
    const refused = fetch(registry, young, {}, status)
    t.match(refused, { rule: 'packages.minimumAgeDays 7', kinds: ['package-too-young'], note: 'the date of its file' })
    t.match(refused.details, { published: '2026-03-09T08:00:00.000Z', ageFrom: 'last-modified', sha256: undefined })
  }
  t.equal(fetch(registry, young, {}, 404).rule, undefined, 'no file, no age')
  t.match(
    fetch('https://npm.test', young),
    { rule: undefined, details: { age: 'unknown', publishedBefore: '2026-03-09T08:00:00.000Z' }, kinds: [] },
    'a mirror may date it when it first fetched it',
  )
  const strict = { unknownAge: 'deny' }
  t.match(fetch('https://npm.test', young, strict), { rule: 'packages.unknownAge', kinds: ['package-age-unknown'] })
  t.match(fetch('https://npm.test', {}, strict), { rule: 'packages.unknownAge', details: { age: 'unknown' } })
  t.equal(fetch('https://npm.test', old, strict).rule, undefined)
  t.equal(
    fetch('https://npm.test', young, { internal: [{ scope: 'busy', from: 'npm.test' }] }).details?.['age'],
    undefined,
  )
})

t.test('the registry’s own word on a version counts more than the date of its file', async t => {
  const rig = new Rig({ minimumAgeDays: 7 })
  const host = 'https://registry.npmjs.org'
  const about = { url: `${host}/lib`, fields: { accept: 'application/vnd.npm.install-v1+json' } }
  rig.fetch(about, { body: JSON.stringify({ time: { '1.0.0': '2020-01-01T00:00:00Z' }, versions: { '1.0.0': {} } }) })
  const moved = { fields: { 'last-modified': 'Mon, 09 Mar 2026 08:00:00 GMT' }, body: file }
  t.match(rig.fetch({ url: `${host}/lib/-/lib-1.0.0.tgz` }, moved), {
    rule: undefined,
    details: { published: '2020-01-01T00:00:00.000Z', ageFrom: 'version' },
  })
  t.same(rig.kinds, [])
})
