import { randomUUID } from 'node:crypto'
import t from 'tap'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { openLab, type Lab } from '../lab/lab.ts'
import type { HeaderLine, Reply } from '../lab/origins/exchange.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy, runBehind } from './behind.ts'
import type { H2Answer, H2Case } from './clients/h2-case.ts'
import type { Line } from './record-check.ts'

t.setTimeout(120_000)

const probe = new URL('clients/h2.ts', import.meta.url).pathname
const host = 'h2.acme.test'
const date: HeaderLine = ['date', 'Thu, 01 Jan 2026 00:00:00 GMT']

/** A request, and what the origin answers at its path. */
interface Pair extends H2Case {
  readonly path: string
  readonly answer: Reply
}

/** A request with this method to a path of its own. */
function pair(
  name: string,
  method: string,
  fields: readonly string[],
  answer: Partial<Reply>,
  sent: Pick<H2Case, 'body' | 'trailers'> = {},
): Pair {
  const head = [':method', method, ':scheme', 'https', ':authority', host, ':path', `/${name}`, ...fields]
  return { name, path: `/${name}`, head, answer: { status: 200, headers: [date], ...answer }, ...sent }
}

const oddPath = "//a/./b/../c;p=1/%7e/%2F/$&'()*+,=:@!"
const link = '<https://example.com/>; rel=preload, '

const pairs: readonly Pair[] = [
  {
    name: 'order-and-doubles',
    path: '/order',
    head: [
      [':path', '/order?a=|{}^"<>`[]\\&%zz=%', ':scheme', 'https', ':authority', host, ':method', 'GET'],
      ['x-b', '1', 'accept', '*/*', 'x-a', '', 'x-b', '2', 'cookie', 'a=1', 'cookie', 'b=2; c=3', 'x-obs', 'caf\xe9'],
      ['te', 'trailers', 'priority', 'u=1, i', 'user-agent', 'x  y'],
    ].flat(),
    answer: {
      status: 200,
      headers: [
        ['x-b', '1'],
        ['set-cookie', 'a=1'],
        date,
        ['x-a', ''],
        ['set-cookie', 'b=2'],
        ['x-b', '2'],
        ['server', 'caf\xe9'],
      ],
      body: 'in order\n',
    },
  },
  {
    name: 'odd-path',
    path: oddPath,
    head: [':method', 'GET', ':scheme', 'https', ':authority', `${host}:443`, ':path', `${oddPath}?x`],
    answer: { status: 200, headers: [date], body: 'y' },
  },
  pair('host-beside-authority', 'POST', ['host', host], { body: 'y' }, { body: 'x' }),
  pair('long-fields', 'GET', ['x-long', 'l'.repeat(20_000), 'authorization', 'Bearer t'], {
    headers: [date, ['link', link.repeat(600)]],
  }),
  pair('many-fields', 'GET', Array.from({ length: 100 }, (_, at) => [`x-${at % 30}`, String(at)]).flat(), {
    headers: [date, ...Array.from({ length: 100 }, (_, at): HeaderLine => ['set-cookie', `c${at}=${at}`])],
  }),
  ...['PROPFIND', 'get', 'M-SEARCH', 'DELETE'].map(method => pair(`method-${method}`, method, [], { body: 'y' })),
  pair(
    'body-and-trailers',
    'POST',
    ['trailer', 'x-sum'],
    {
      body: 'y'.repeat(200_000),
      trailers: [
        ['x-sum', 'a'],
        ['x-sum', 'b'],
        ['x-end', 'caf\xe9'],
      ],
    },
    { body: 'b'.repeat(300_000), trailers: { 'x-sum': '1', 'x-more': '2' } },
  ),
  pair('length', 'POST', ['content-length', '5'], { body: 'world' }, { body: 'hello' }),
  pair('empty-body', 'POST', [], { status: 201 }, { body: '' }),
  pair('head', 'HEAD', [], { headers: [date, ['content-length', '1234']] }),
  pair('204', 'POST', [], { status: 204 }, { body: 'x' }),
  pair('304', 'GET', ['if-none-match', '"x"'], { status: 304, headers: [date, ['content-length', '1234']] }),
  pair('599', 'POST', [], { status: 599, body: 'no' }, { body: '' }),
  pair('early', 'GET', [], {
    informational: [102, 103, 103].map(status => ({
      status,
      headers: [
        ['link', '</a>'],
        ['link', '</b>'],
      ],
    })),
    body: 'y',
  }),
  pair('grpc', 'POST', ['content-type', 'application/grpc'], { trailers: [['grpc-status', '0']] }, { body: '' }),
  pair('reset', 'GET', [], { length: 100_000, body: 'only this', end: 'reset' }),
  pair('alt-svc', 'GET', [], { headers: [date, ['alt-svc', 'h2="alt.example.com:443"; ma=60'], ['x-after', '1']] }),
]

interface Seen {
  readonly answers: readonly H2Answer[]
  /** By path, in the order in which they came. */
  readonly arrivals: Readonly<Record<string, readonly unknown[]>>
  readonly lines: readonly Line[]
}

async function carry(lab: Lab, policy: string | undefined): Promise<Seen> {
  await lab.origins.clear()
  const dir = lab.file(`fidelity-${randomUUID()}`)
  mkdirSync(dir)
  writeFileSync(`${dir}/cases`, JSON.stringify(pairs))
  const command = ['node', probe, `${dir}/cases`, `${dir}/answers`, host] as const
  const finished =
    policy === undefined
      ? { ...(await lab.host.exec(command[0], command.slice(1))), lines: [] }
      : await runBehind(lab, { policy, command })
  if (finished.exitCode !== 0) throw new Error(finished.stderr)
  const requests = await lab.origins.requests()
  const arrivals = requests.map(({ path, method, headers, body, trailers, complete }) => ({
    path,
    seen: { method, headers, body: body.sha256, trailers, complete },
  }))
  return {
    answers: JSON.parse(readFileSync(`${dir}/answers`, 'utf8')),
    arrivals: Object.fromEntries(
      [...Map.groupBy(arrivals, ({ path }) => path)].map(([path, group]) => [path, group.map(({ seen }) => seen)]),
    ),
    lines: finished.lines,
  }
}

/** How much of a body comes before a reset is chance; so is its code where that leaves the body short of its length. */
function comparable(answer: H2Answer | undefined): unknown {
  return answer === undefined || answer.code === 0 ? answer : { name: answer.name, head: answer.head, code: 'a reset' }
}

await t.test('HTTP/2: the same with and without the gateway, at both ends', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  // A handler answers when it has the whole body: the client may be gone right after its answer, and take the rest along.
  for (const { path, answer, body } of pairs)
    await lab.origins.script(host, path, body === undefined ? answer : () => answer)
  const direct = await carry(lab, undefined)
  t.equal(Object.keys(direct.arrivals).length, pairs.length)
  for (const [mode, policy] of [
    ['block', blockPolicy([host])],
    ['audit', auditPolicy],
  ] as const)
    await t.test(`in ${mode}`, async t => {
      const behind = await carry(lab, policy)
      for (const [at, answer] of direct.answers.entries())
        t.strictSame(comparable(behind.answers[at]), comparable(answer), `the client: ${answer.name}`)
      for (const [path, arrivals] of Object.entries(direct.arrivals))
        t.strictSame(behind.arrivals[path], arrivals, `the origin: ${path}`)
      const requests = behind.lines.filter(({ layer }) => layer === 'http')
      t.equal(requests.length, direct.answers.length, 'one line for each request')
      t.ok(requests.every(({ protocol, inspected }) => protocol === 'h2' && inspected === true))
    })
})
