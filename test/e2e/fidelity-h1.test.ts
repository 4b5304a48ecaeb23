import t, { type Test } from 'tap'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { openLab, type Lab } from '../lab/lab.ts'
import type { RequestRecord } from '../lab/origins/recorder.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy, runBehind } from './behind.ts'
import type { RawAnswer, RawCase } from './clients/raw-case.ts'
import { answerCases } from './fidelity-answers.ts'
import { host, type FidelityCase } from './fidelity-case.ts'
import { requestCases } from './fidelity-requests.ts'
import type { Line } from './record-check.ts'

t.setTimeout(180_000)

const probe = new URL('clients/raw.ts', import.meta.url).pathname

/** What both ends saw of each case. */
interface Seen {
  readonly answers: ReadonlyMap<string, RawAnswer>
  readonly requests: readonly RequestRecord[]
  readonly lines: readonly Line[]
}

/** What the origin saw of a case, without what must differ: ids, times, the peer. */
function arrivals(seen: Seen, path: string): readonly unknown[] {
  return seen.requests
    .filter(request => request.path === path)
    .map(({ head, framed, body, trailers, complete, method, target }) => {
      const text = Buffer.from(head).toString('latin1')
      // Without a body there is no end of one to be seen.
      const isWhole = complete || !/^(?:content-length: *[1-9]|transfer-encoding)/im.test(text)
      return { method, target, text, trailers, body: isWhole ? [framed.sha256, body.sha256] : 'cut short' }
    })
}

async function carry(lab: Lab, cases: readonly RawCase[], policy: string | undefined): Promise<Seen> {
  await lab.origins.clear()
  const dir = lab.file(`fidelity-${randomUUID()}`)
  mkdirSync(dir)
  writeFileSync(`${dir}/cases`, JSON.stringify(cases))
  const command = ['node', probe, `${dir}/cases`, `${dir}/answers`] as const
  const finished =
    policy === undefined
      ? { ...(await lab.host.exec(command[0], command.slice(1), { timeoutMs: 100_000 })), lines: [] }
      : await runBehind(lab, { policy, command, timeoutMs: 100_000 })
  if (finished.exitCode !== 0) throw new Error(finished.stderr)
  const answers: readonly RawAnswer[] = JSON.parse(readFileSync(`${dir}/answers`, 'utf8'))
  return {
    answers: new Map(answers.map(answer => [answer.name, answer])),
    requests: await lab.origins.requests(),
    lines: finished.lines,
  }
}

for (const [kind, cases] of [
  ['requests', requestCases],
  ['answers', answerCases],
] as const)
  await t.test(
    `HTTP/1: ${kind} are the same with and without the gateway, at both ends`,
    { skip: whyNoLab() },
    async t => {
      await using lab = await openLab()
      for (const { name, answer } of cases) if (answer !== undefined) await lab.origins.script(host, `/${name}`, answer)
      const raw = [true, false].flatMap(secure =>
        cases.map(({ name, steps, until }): RawCase => ({
          name: `${name} over ${secure ? 'https' : 'http'}`,
          host,
          secure,
          steps,
          ...(until === undefined ? {} : { until }),
        })),
      )
      const direct = await carry(lab, raw, undefined)
      t.strictSame(
        [...direct.answers.values()].filter(({ end }) => end === 'too late'),
        [],
        'every case ends by itself',
      )
      for (const [mode, policy] of [
        ['block', blockPolicy([host, `http://${host}`])],
        ['audit', auditPolicy],
      ] as const)
        await t.test(`in ${mode}`, async t => {
          const behind = await carry(lab, raw, policy)
          const logged = behind.lines.filter(({ layer, address }) => layer === 'http' && address !== undefined)
          t.equal(logged.length, behind.requests.length, 'each request that the origin received has one line')
          for (const one of cases) compare(t, one, mode === 'block' ? one.inBlock : undefined, direct, behind)
        })
    },
  )

function compare(t: Test, one: FidelityCase, refused: FidelityCase['inBlock'], direct: Seen, behind: Seen): void {
  const path = one.path ?? `/${one.name}`
  for (const scheme of ['https', 'http']) {
    const name = `${one.name} over ${scheme}`
    if (refused === undefined) t.strictSame(behind.answers.get(name), direct.answers.get(name), `the client: ${name}`)
    else t.match(behind.answers.get(name)?.text, new RegExp(`^HTTP/1\\.1 ${refused.status} `), `refused: ${name}`)
  }
  const expected = refused?.because === 'request' ? [] : arrivals(direct, path)
  t.strictSame(arrivals(behind, path), expected, `the origin: ${one.name}`)
}
