import t from 'tap'
import { Expected } from '../../../gateway/baseline/compare.ts'
import { emptyLock } from '../../../gateway/baseline/lock.ts'
import { mergeRuns } from '../../../gateway/baseline/merge.ts'
import { anomalyText } from '../../../gateway/baseline/words.ts'
import { runOn, seen } from './runs.ts'

const { lock } = mergeRuns(emptyLock, [
  runOn(1, [
    'read registry.acme.test:443 /usr/bin/node',
    'write api.acme.test:443 /usr/bin/node',
    'read api.acme.test:443 /usr/bin/curl',
    'connect git.acme.test:22 /usr/bin/ssh',
    'connect udp://time.acme.test:123',
    'read cdn1.acme.test:443 /usr/bin/node',
    'ask wpad.acme.test',
    'read 198.51.100.7:443 /usr/bin/node',
  ]),
  runOn(1, ['read other.example.com:443 /usr/bin/node'], 'other'),
])

const cases: readonly (readonly [sentence: string, sighting: string, kind: string | undefined])[] = [
  ['what is known is quiet', 'read registry.acme.test:443 /usr/bin/node', undefined],
  ['what has no process is compared without', 'read registry.acme.test:443', undefined],
  ['a row without a process is for all', 'connect udp://time.acme.test:123 /usr/sbin/ntpd', undefined],
  ['the name of a known host may be asked for', 'ask registry.acme.test', undefined],
  ['a name that was only asked for may be asked for', 'ask wpad.acme.test', undefined],
  [
    'a name that was only asked for is a new host when it is reached',
    'read wpad.acme.test:80 /usr/bin/node',
    'new-host',
  ],
  ['an unknown host', 'read evil.example.com:443 /usr/bin/node', 'new-host'],
  ["another job's host", 'read other.example.com:443 /usr/bin/node', 'new-host'],
  ['an unknown name', 'ask evil.example.com', 'new-host'],
  ['an unknown address', 'read 198.51.100.8:443 /usr/bin/node', 'new-host'],
  ['a known host at another port', 'read registry.acme.test:8443 /usr/bin/node', 'new-host'],
  ['the same port of another transport', 'connect udp://registry.acme.test:443 /usr/bin/node', 'new-host'],
  ['a sibling of a name that rotates, before a third', 'read cdn2.acme.test:443 /usr/bin/node', 'new-host'],
  ['a known host and another program', 'read registry.acme.test:443 /usr/bin/python*', 'new-process'],
  ['an upload where there were downloads', 'write registry.acme.test:443 /usr/bin/node', 'new-upload'],
  ['an upload by another program where there were downloads', 'write registry.acme.test:443 /tmp/x', 'new-upload'],
  ['a program that only read, where others write', 'write api.acme.test:443 /usr/bin/curl', 'new-method'],
  ['a program that only wrote', 'read api.acme.test:443 /usr/bin/node', 'new-method'],
  ['a connection that is now readable', 'read git.acme.test:22 /usr/bin/ssh', 'new-method'],
  ['a request that is now carried unread', 'connect registry.acme.test:443 /usr/bin/node', 'new-method'],
  ['one letter away', 'read registry.acne.test:443 /usr/bin/node', 'near-host'],
  ['one letter away from a host of another job', 'read other.exarnple.com:443 /usr/bin/node', 'near-host'],
]
const expected = new Expected(lock, 'build')
for (const [sentence, sighting, kind] of cases) {
  t.test(`anomalyOf(): ${sentence}`, async t => {
    const anomaly = expected.anomalyOf(seen(sighting))
    t.equal(anomaly?.kind, kind)
    if (anomaly === undefined) return
    t.match(anomalyText(anomaly), anomaly.sighting.host)
    t.ok(anomalyText(anomaly).length < 300)
  })
}

t.test('anomalyOf(): a job that is not in the lock knows nothing', async t => {
  t.equal(new Expected(lock, 'nobody').anomalyOf(seen('ask registry.acme.test'))?.kind, 'new-host')
})
