import { Ajv2020 } from 'ajv/dist/2020.js'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { ocsfEvent } from '../../../../gateway/record/export/ocsf.ts'
import type { FlowEvent } from '../../../../gateway/record/event.ts'
import { http, line, lines } from './sample-flows.ts'

t.test('ocsfEvent(): the class of each layer', async t => {
  t.match(ocsfEvent({ ...line, event: http }), {
    class_uid: 4002,
    activity_id: 3,
    type_uid: 400_203,
    action_id: 1,
    status_id: 1,
    time: 1_700_000_000_123,
    dst_endpoint: { hostname: 'npm.test', ip: '198.51.100.10', port: 443 },
    http_request: { http_method: 'GET', url: { path: '/lib/-/lib-1.0.0.tgz', scheme: 'https' } },
    http_response: { code: 200 },
    traffic: { bytes_out: 100, bytes_in: 2_000 },
    actor: { process: { pid: 7, file: { name: 'node' } } },
    firewall_rule: { name: 'allow[0] npm.test' },
  })
  const dns: FlowEvent = {
    layer: 'dns',
    startedAt: 0,
    host: 'npm.test',
    qtype: 'A',
    rcode: 'NOERROR',
    verdict: 'deny',
    reason: 'no-rule',
  }
  t.match(ocsfEvent({ ...line, event: dns }), {
    class_uid: 4003,
    type_uid: 400_306,
    action_id: 2,
    status_id: 2,
    query: { hostname: 'npm.test', type: 'A' },
    rcode_id: 0,
    rcode: 'NoError',
  })
  t.match(ocsfEvent({ ...line, event: { ...http, layer: 'tcp', verdict: 'deny' } }), {
    class_uid: 4001,
    activity_id: 5,
    connection_info: { protocol_name: 'tcp' },
  })
  t.equal(ocsfEvent({ ...line, event: { layer: 'job', startedAt: 0, event: 'sealed' } }), undefined)
})

t.test('ocsfEvent(): every event is one of the published schema, and names its profiles', async t => {
  const { classes, $defs }: Record<string, unknown> = JSON.parse(
    readFileSync(new URL('../../../fixtures/ocsf-1.6.0.json', import.meta.url), 'utf8'),
  )
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  const check = ajv.compile({
    $defs: { ...Object($defs), ...Object(classes) },
    oneOf: Object.keys(Object(classes)).map(name => ({ $ref: `#/$defs/${name}` })),
  })
  let events = 0
  for (const event of lines) {
    const text = JSON.stringify(ocsfEvent({ ...line, event }))
    if (text === undefined) continue
    events += 1
    const made: { readonly actor?: object; readonly metadata: { readonly profiles: readonly string[] } } =
      JSON.parse(text)
    t.ok(check(made), `${event.layer}: ${JSON.stringify(check.errors)}`)
    t.equal(made.metadata.profiles.includes('host'), made.actor !== undefined)
  }
  t.equal(events, 10)
  const right = ocsfEvent({ ...line, event: http })
  t.notOk(check({ ...right, made_up: 1 }), 'the check can fail')
  t.notOk(check({ ...right, http_request: { http_method: 'PROPFIND' } }))
})
