import t from 'tap'
import type { Sighting } from '../../../gateway/baseline/lock.ts'
import { deedOf, sightingOf } from '../../../gateway/baseline/sighting.ts'
import type { FlowEvent } from '../../../gateway/record/event.ts'

const deedCases: readonly (readonly [method: string, path: string | undefined, isWebSocket: boolean, deed: string])[] =
  [
    ['GET', '/', false, 'read'],
    ['HEAD', undefined, false, 'read'],
    ['POST', '/acme/app.git/git-upload-pack', false, 'read'],
    ['POST', '/acme/app.git/git-receive-pack', false, 'write'],
    ['PUT', '/x', false, 'write'],
    ['get', '/x', false, 'write'],
    ['MADEUP', '/x', false, 'write'],
    ['CONNECT', undefined, false, 'connect'],
    ['GET', '/socket', true, 'connect'],
  ]
for (const [method, path, isWebSocket, deed] of deedCases) {
  t.test(`deedOf(): ${method} ${path ?? ''}${isWebSocket ? ' as WebSocket' : ''} is to ${deed}`, async t => {
    t.equal(deedOf(method, path, isWebSocket), deed)
  })
}

const base: FlowEvent = {
  layer: 'http',
  startedAt: 0,
  host: 'a.acme.test',
  port: 443,
  verdict: 'allow',
  reason: 'rule',
  method: 'GET',
}
const process = { pid: 1, exe: '/usr/bin/python3.11', command: 'x', uid: 0, parents: [] }
const read: Sighting = { transport: 'tcp', host: 'a.acme.test', port: 443, does: 'read', by: undefined }

const cases: readonly (readonly [sentence: string, facts: Partial<FlowEvent>, sighting: Sighting | undefined])[] = [
  ['a request reads', {}, read],
  ['who it was is in its normal form', { process }, { ...read, by: '/usr/bin/python*' }],
  ['what audit let pass counts', { verdict: 'observe', reason: 'no-rule' }, read],
  ['what failed was asked for all the same', { error: 'UPSTREAM_UNREACHABLE' }, read],
  ['what was refused does not', { verdict: 'deny', reason: 'no-rule' }, undefined],
  [
    'a question',
    { layer: 'dns' },
    { transport: 'udp', host: 'a.acme.test', port: undefined, does: 'ask', by: undefined },
  ],
  [
    'a reverse name is one of its family',
    { layer: 'dns', host: '7.2.0.192.in-addr.arpa' },
    { transport: 'udp', host: 'in-addr.arpa', port: undefined, does: 'ask', by: undefined },
  ],
  ['a reverse name of ours', { layer: 'dns', host: '7.0.18.198.in-addr.arpa' }, undefined],
  ['a name that is none', { layer: 'dns', host: 'a b' }, undefined],
  ['TLS carried unread', { layer: 'tls', bytesSent: 9 }, { ...read, does: 'connect' }],
  ['TLS to a host that is down', { layer: 'tls', error: 'UPSTREAM_UNREACHABLE' }, { ...read, does: 'connect' }],
  ['TLS that the client broke off before a request', { layer: 'tls', error: 'CLIENT_REFUSED_CA' }, undefined],
  ['a connection that was closed unused', { layer: 'tcp', error: 'CLIENT_ABORTED', bytesSent: 0 }, undefined],
  [
    'a connection that was cut while it was used',
    { layer: 'tcp', error: 'CLIENT_ABORTED', bytesSent: 5 },
    { ...read, does: 'connect' },
  ],
  ['a UDP flow', { layer: 'udp' }, { ...read, transport: 'udp', does: 'connect' }],
  ['packets that were dropped', { layer: 'packet' }, undefined],
  ['an address', { host: '192.0.2.1', address: '192.0.2.1' }, { ...read, host: '192.0.2.1' }],
]
for (const [sentence, facts, sighting] of cases) {
  t.test(`sightingOf(): ${sentence}`, async t => {
    t.strictSame(sightingOf({ ...base, ...facts }), sighting)
  })
}
