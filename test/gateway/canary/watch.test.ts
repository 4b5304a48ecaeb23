import { gzipSync } from 'node:zlib'
import t from 'tap'
import { Sighted } from '../../../gateway/canary/sighted.ts'
import { CanaryWatch } from '../../../gateway/canary/watch.ts'
import type { InsightHost } from '../../../gateway/insight/part.ts'
import type { SeenRequest } from '../../../gateway/insight/insight.ts'
import { parseHostname } from '../../../gateway/net/hostname.ts'
import { parsePort } from '../../../gateway/net/port.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import type { Alarm } from '../../../gateway/record/event.ts'
import { canaryOf, decoys } from './canaries.ts'

interface Rig {
  readonly watch: CanaryWatch
  readonly alarms: readonly Alarm[]
  readonly capped: readonly string[]
  closed(): number
}

function rig(mode: 'audit' | 'block'): Rig {
  const alarms: Alarm[] = []
  const capped: string[] = []
  let closings = 0
  const policy = parsePolicy(`version: 1\nmode: ${mode}\nallow: []\n`, 'test', () => undefined)
  const host: InsightHost = {
    job: 'test',
    policy: () => policy,
    cwd: '/',
    out: '/',
    procRoot: undefined,
    environment: {},
    alarm: alarm => void alarms.push(alarm),
    write: () => undefined,
    closeNetwork: () => void (closings += 1),
    onWarning: () => undefined,
  }
  const watch = new CanaryWatch(decoys.canaries, new Sighted(host), ({ what }) => void capped.push(what))
  return { watch, alarms, capped, closed: () => closings }
}

const process = { pid: 7, exe: '/usr/bin/curl', command: 'curl', uid: 0, parents: [] }

function request(facts: { target?: string; fields?: readonly (readonly [string, string])[] } = {}): SeenRequest {
  const host = parseHostname('api.acme.test')
  const port = parsePort(443)
  if (host === undefined || port === undefined) throw new Error('no host')
  const { target = '/', fields = [] } = facts
  return {
    scheme: 'https',
    host,
    port,
    method: 'POST',
    target,
    path: '/',
    fields: { get: name => fields.find(([own]) => own === name)?.[1], entries: () => fields },
    flow: 'f-1',
    process,
    verdict: 'allow',
  }
}

const { value } = canaryOf('DEPLOY_GITHUB_TOKEN')
const rule = 'canaries DEPLOY_GITHUB_TOKEN'

t.test('CanaryWatch: objects to a request by its address, its fields and its body', async t => {
  const cases: readonly (readonly [what: string, seen: SeenRequest])[] = [
    ['address', request({ target: `/x?key=${value}` })],
    ['head', request({ fields: [['authorization', `token ${value}`]] })],
    [
      'head',
      request({
        fields: [
          ['x', 'y'],
          [value.toLowerCase(), ''],
          ['cookie', `a=${value}`],
        ],
      }),
    ],
  ]
  for (const [what, seen] of cases) {
    const { watch, alarms } = rig('block')
    t.match(watch.request(seen).objection, { reason: 'denied-by-rule', rule }, what)
    t.match(alarms, [{ kind: 'canary', subject: 'DEPLOY_GITHUB_TOKEN', host: 'api.acme.test', port: 443, process }])
    t.match(alarms[0]?.note, `in the ${what} of a POST to api.acme.test`)
  }
  const { watch } = rig('block')
  const look = watch.request(request())
  t.equal(look.objection, undefined)
  t.equal(look.sending?.(Buffer.from(value.slice(0, 9))), undefined)
  t.match(look.sending?.(Buffer.from(value.slice(9))), { rule })
})

t.test('CanaryWatch: what was told is told once for each place, each canary by its own name', async t => {
  const { watch, alarms } = rig('audit')
  for (let round = 0; round < 3; round += 1) {
    watch.request(request({ target: `/${value}` }))
    const look = watch.request(request())
    look.sending?.(Buffer.from(decoys.canaries.map(canary => canary.value).join(' ')))
    look.ended?.()
  }
  const named = alarms.filter(({ note }) => note.includes('in the body'))
  t.equal(named.length, decoys.canaries.length)
  t.equal(alarms.length, named.length + 1)
  for (const { note } of alarms) {
    t.ok(note.length <= 512)
    t.notOk(decoys.canaries.some(({ anchors }) => anchors.some(anchor => note.includes(anchor))))
  }
})

t.test('CanaryWatch: closes the network in block, after the flow was objected to, and never in audit', async t => {
  const block = rig('block')
  block.watch.request(request({ target: `/${value}` }))
  t.equal(block.closed(), 0, 'not while the request is being read')
  await Promise.resolve()
  t.equal(block.closed(), 1)
  block.watch.output(Buffer.from(value), 'stdout')
  await Promise.resolve()
  t.equal(block.closed(), 1, 'and only once')
  const printed = rig('block')
  printed.watch.output(Buffer.from(value), 'stdout')
  await Promise.resolve()
  t.equal(printed.closed(), 1, 'also for what is only printed')
  const audit = rig('audit')
  t.match(audit.watch.request(request({ target: `/${value}` })).objection, { rule })
  await Promise.resolve()
  t.equal(audit.closed(), 0)
})

t.test('CanaryWatch: two streams of output are two texts', async t => {
  const { watch, alarms } = rig('audit')
  watch.output(Buffer.from(value.slice(0, 9)), 'stdout')
  watch.output(Buffer.from('a warning\n'), 'stderr')
  watch.output(Buffer.from(value.slice(9)), 'stdout')
  t.match(alarms, [{ note: /in what the command printed/ }])
  const other = rig('audit')
  other.watch.output(Buffer.from(value.slice(4, 15)), 'stdout')
  other.watch.output(Buffer.from(value.slice(15, 20)), 'stderr')
  t.same(other.alarms, [])
})

t.test('CanaryWatch: a body that grows too much when unpacked is told of', async t => {
  const { watch, alarms, capped } = rig('block')
  const seen = request({ fields: [['content-encoding', 'gzip']] })
  const look = watch.request(seen)
  look.sending?.(gzipSync(Buffer.alloc(50_000_000)))
  look.ended?.()
  t.same(alarms, [])
  t.same(capped, ['the body of a POST'])
  const stream = watch.stream({ ...connection, transport: 'tcp' })
  stream.sending(gzipSync(Buffer.alloc(50_000_000)))
  stream.ended?.()
  t.same(capped, ['the body of a POST', 'a TCP connection'])
})

const { host, port } = request()
const connection = { host, port, flow: 'f-2', process }

t.test('CanaryWatch: objects to what is carried unread, in whatever pieces', async t => {
  for (const [transport, where] of [
    ['tcp', 'in a TCP connection to api.acme.test'],
    ['udp', 'in a UDP flow to api.acme.test'],
  ] as const) {
    const { watch, alarms } = rig('block')
    const look = watch.stream({ ...connection, transport })
    t.equal(look.sending(Buffer.from(`key=${value.slice(0, 9)}`)), undefined)
    t.match(look.sending(Buffer.from(value.slice(9))), { reason: 'denied-by-rule', rule })
    t.match(alarms, [{ kind: 'canary', flow: 'f-2', process }])
    t.match(alarms[0]?.note, where)
    const packed = watch.stream({ ...connection, transport })
    t.match(packed.sending(gzipSync(value)), { rule }, 'also packed')
    packed.ended?.()
  }
})

t.test('CanaryWatch: objects to trailers and chunk extensions', async t => {
  const { watch, alarms } = rig('block')
  const look = watch.request(request())
  t.equal(look.sending?.(Buffer.from('x')), undefined)
  t.equal(look.beside?.(Buffer.from(`0;a=${value.slice(0, 9)}`)), undefined)
  t.match(look.beside?.(Buffer.from(`${value.slice(9)}\r\n`)), { rule })
  t.match(alarms[0]?.note, 'in the trailers or chunk extensions of a POST to api.acme.test')
})
