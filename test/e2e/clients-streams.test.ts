import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy } from './behind.ts'
import { linesFor, requestsOnBothSides } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(120_000)

const client = (name: string): string => new URL(`clients/${name}.ts`, import.meta.url).pathname
const steps = {
  grpc: `node '${client('grpc')}' grpc.acme.test:443`,
  wss: `node '${client('websocket')}' wss://ws.acme.test/socket`,
  ws: `node '${client('websocket')}' ws://ws.acme.test/socket`,
} as const

await t.test('long-lived streams work unmodified', { skip: whyNoLab(['grpc', 'websocket']) }, async t => {
  await using lab = await openLab({ services: ['origins', 'grpc', 'websocket'] })
  for (const [mode, policy] of [
    [
      'block',
      blockPolicy(['POST https://grpc.acme.test/lab.Echo/*', 'wss://ws.acme.test/socket', 'ws://ws.acme.test/**']),
    ],
    ['audit', auditPolicy],
  ] as const)
    await t.test(`in ${mode}`, async t => {
      await lab.origins.clear()
      const run = await runSteps(lab, { policy, steps })
      const is = mode === 'block' ? { verdict: 'allow' as const } : { verdict: 'observe' as const, reason: 'no-rule' }
      t.match(
        JSON.parse(run.step('grpc').stdout || '{}'),
        { lengths: [3, 3, 5, 200_000], trailer: 'end', code: 0 },
        'gRPC: a conversation in both directions at once, then trailers',
      )
      t.match(await lab.origins.requests({ protocol: 'grpc' }), [
        { target: '/lab.Echo/Bidi', body: { length: 200_011 } },
      ])
      t.match(linesFor(run.lines, 'grpc.acme.test', { layer: 'http' }), [
        { ...is, protocol: 'h2', status: 200, inspected: true, process: { exe: process.execPath } },
      ])
      for (const name of ['wss', 'ws'] as const) {
        t.strictSame(
          JSON.parse(run.step(name).stdout || '{}'),
          { heard: ['text 5', 'bytes 1000000'], code: 4000 },
          `${name}: ${run.step(name).stderr}`,
        )
        t.match(linesFor(run.lines, 'ws.acme.test', { layer: 'http', port: name === 'wss' ? 443 : 80 }), [
          { ...is, protocol: 'websocket', status: 101, inspected: name === 'wss', process: { exe: process.execPath } },
        ])
      }
      const { logged, arrived } = requestsOnBothSides(run.lines, await lab.origins.requests())
      t.strictSame(
        logged,
        arrived.map(line => line.replace('http/1.1 ws.acme.test', 'websocket ws.acme.test')),
        'one line for each request, and none else',
      )
      t.strictSame(await lab.sink.lines(), [])
    })
})
