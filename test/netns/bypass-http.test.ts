import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, passes, raid, refused } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'
import { get, http, https, keep, ok, sentence } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const allow = ['https://api.acme.test', 'https://github.test', 'http://apt.acme.test']

/** A request for another host than the connection's: 421 in block, carried and told in audit. */
function stranger(what: string, does: (path: string) => Deed, got: RegExp = sentence(421, 'host-mismatch')): Attack {
  const line = (loot: string) => ({ layer: 'http', path: `/echo/${loot}`, reason: 'host-mismatch', inspected: true })
  return {
    id: 'T2',
    what,
    does: loot => does(`/echo/${loot}`),
    block: loot => refused(got, line(loot)),
    audit: loot => observed(/HTTP\/1\.1 200 OK/, line(loot)),
  }
}

const fronting: readonly Attack[] = [
  stranger('another host on the address of an allowed one', path =>
    https('api.acme.test', get(path, 'other.acme.test')),
  ),
  stranger('a host that is allowed too, on a connection that is not for it', path =>
    https('api.acme.test', get(path, 'github.test')),
  ),
  stranger(
    'as the second request of a kept connection',
    path =>
      https('api.acme.test', keep('/', 'api.acme.test'), { reads: 'api.acme.test\n' }, get(path, 'other.acme.test')),
    /200 OK[\s\S]*HTTP\/1\.1 421/,
  ),
  stranger(
    'pipelined behind an allowed request in one segment',
    path => https('api.acme.test', keep('/', 'api.acme.test') + get(path, 'other.acme.test')),
    /200 OK[\s\S]*HTTP\/1\.1 421/,
  ),
  stranger('the allowed name as user of another', path =>
    https('api.acme.test', get(path, 'api.acme.test@other.acme.test')),
  ),
  stranger('the allowed name with another port', path => https('api.acme.test', get(path, 'api.acme.test:8443'))),
  stranger('the allowed name as a label of another', path =>
    https('api.acme.test', get(path, 'api.acme.test.other.acme.test')),
  ),
  stranger('an empty host', path => https('api.acme.test', get(path, ''))),
  stranger('two names in one field', path => https('api.acme.test', get(path, 'api.acme.test, other.acme.test'))),
  stranger('absolute form names another host', path =>
    https('api.acme.test', get(`https://other.acme.test${path}`, 'api.acme.test')),
  ),
  stranger('absolute form names the host, Host names another', path =>
    https('api.acme.test', get(`https://api.acme.test${path}`, 'other.acme.test')),
  ),
  stranger('absolute form with another scheme', path =>
    https('api.acme.test', get(`http://api.acme.test${path}`, 'api.acme.test')),
  ),
  {
    ...stranger('over plain HTTP', path => http('apt.acme.test', get(path, 'other.acme.test'))),
    block: loot => refused(sentence(421, 'host-mismatch'), { layer: 'http', path: `/echo/${loot}`, inspected: false }),
    audit: loot => observed(ok, { layer: 'http', path: `/echo/${loot}`, reason: 'host-mismatch', inspected: false }),
  },
  ...['API.Acme.Test', 'api.acme.test.', 'api.acme.test:443'].map((host): Attack => ({
    id: 'T2',
    what: `the name spelled ${host} is the name`,
    does: loot => https('api.acme.test', get(`/echo/${loot}`, host)),
    block: loot => passes(ok, { layer: 'http', host: 'api.acme.test', path: `/echo/${loot}` }),
    audit: loot => passes(ok, { layer: 'http', host: 'api.acme.test', path: `/echo/${loot}` }),
  })),
]

t.test('T2: HTTP/1 for another host', { skip }, async t => {
  await using lab = await openLab({})
  for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks: fronting, mode, allow })
})
