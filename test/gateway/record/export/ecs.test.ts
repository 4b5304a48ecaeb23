import { readFileSync } from 'node:fs'
import t from 'tap'
import { ecsEvent } from '../../../../gateway/record/export/ecs.ts'
import { http, line, lines } from './sample-flows.ts'

t.test('ecsEvent(): a line of each kind', async t => {
  t.match(ecsEvent({ ...line, event: http }), {
    '@timestamp': '2023-11-14T22:13:20.123Z',
    event: {
      kind: 'event',
      category: ['network'],
      type: ['connection', 'allowed'],
      outcome: 'success',
      duration: 12_500_000,
      sequence: 3,
    },
    destination: { domain: 'npm.test', ip: '198.51.100.10', port: 443 },
    http: { request: { method: 'GET', bytes: 100 }, response: { status_code: 200, bytes: 2_000 } },
    network: { transport: 'tcp', protocol: 'http', bytes: 2_100 },
    process: { pid: 7, name: 'node' },
    labels: { job: 'build', verdict: 'allow' },
  })
  t.match(ecsEvent({ ...line, event: { ...http, verdict: 'deny' } }), {
    event: { type: ['connection', 'denied'], outcome: 'failure' },
  })
  t.match(ecsEvent({ ...line, event: { layer: 'file', startedAt: 0, event: 'overwritten', path: 'a.c' } }), {
    event: { kind: 'alert', category: ['file'] },
    file: { path: 'a.c' },
  })
  t.match(ecsEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'sealed' } }), {
    event: { type: ['info'], outcome: 'unknown' },
  })
})

/** The values that ECS lists for its categorisation fields and directions. */
const ecsValues: Readonly<Record<string, RegExp>> = {
  'event.kind': /^(?:alert|event)$/,
  'event.category': /^(?:file|network)$/,
  'event.type': /^(?:allowed|change|connection|denied|info)$/,
  'event.outcome': /^(?:failure|success|unknown)$/,
  'network.direction': /^egress$/,
}

t.test('ecsEvent(): every field is one of the published ones, or ours', async t => {
  const fields: Record<string, unknown> = JSON.parse(
    readFileSync(new URL('../../../fixtures/ecs-9.4.0.json', import.meta.url), 'utf8'),
  )
  for (const event of lines) {
    const made: object = JSON.parse(JSON.stringify(ecsEvent({ ...line, event })))
    for (const [name, value] of leaves(made)) {
      if (/^(?:tidegate\.details|labels)\./.test(name)) continue
      const type = String(fields[name])
      t.ok(type.includes(typeof value) || type === `'${String(value)}'`, `${event.layer}: ${name} is ${type}`)
      const listed = ecsValues[name]
      if (listed !== undefined) t.match(value, listed, name)
    }
  }
  t.match(ecsEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'sealed' } }), { event: { kind: 'event' } })
  t.match(ecsEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'canary' } }), { event: { kind: 'alert' } })
})

function leaves(value: object, path = ''): readonly (readonly [name: string, value: unknown])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const name = Array.isArray(value) ? path : path === '' ? key : `${path}.${key}`
    return typeof inner === 'object' && inner !== null ? leaves(inner, name) : [[name, inner] as const]
  })
}
