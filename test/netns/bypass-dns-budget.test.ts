import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, raid, refused } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'
import { ask } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const allow = ['"https://*.budget.test"', '"https://*.bytes.test"', '"https://*.long.test"', 'https://exact.long.test']

/** More different names than a build has, and one of the first again. */
const manyNames = (loot: string): Deed => ({
  do: 'steps',
  steps: [...Array.from({ length: 170 }, (_, at) => ask(`n${at}${loot}.budget.test`)), ask(`n3${loot}.budget.test`)],
})
const manyBytes = (loot: string): Deed => ({
  do: 'steps',
  steps: Array.from({ length: 130 }, (_, at) => ask(`${loot}${String(at).padStart(38 - loot.length, 'z')}.bytes.test`)),
})
const answers = /NOERROR [^\n]*198\.18/
const budgets: readonly Attack[] = [
  {
    id: 'D5',
    what: 'a tunnel of many names under an allowed wildcard',
    does: manyNames,
    block: loot => ({
      got: /^NOERROR[\s\S]*NXDOMAIN[^\n]*tidegate: dns-budget[^\n]*\nNOERROR[^\n]*198\.18[^\n]*$/,
      line: {
        layer: 'dns',
        host: `n169${loot}.budget.test`,
        verdict: 'deny',
        reason: 'dns-budget',
        rule: /budget\.test/,
      },
      arrives: true,
    }),
    audit: loot =>
      observed(/^NOERROR[\s\S]*NOERROR[^\n]*$/, {
        layer: 'dns',
        host: `n169${loot}.budget.test`,
        reason: 'dns-budget',
      }),
  },
  {
    id: 'D5',
    what: 'a tunnel of many bytes under an allowed wildcard',
    does: manyBytes,
    block: loot => ({
      got: /^NOERROR[\s\S]*NXDOMAIN[^\n]*tidegate: dns-budget/,
      line: { layer: 'dns', host: new RegExp(`^${loot}z+129\\.bytes\\.test$`), verdict: 'deny', reason: 'dns-budget' },
      arrives: true,
    }),
    audit: loot =>
      observed(/^NOERROR[\s\S]*NOERROR[^\n]*$/, {
        layer: 'dns',
        host: new RegExp(`^${loot}z+129\\.bytes\\.test$`),
        reason: 'dns-budget',
      }),
  },
  {
    id: 'D5',
    what: 'a label that is too long for a host, under an allowed wildcard',
    does: loot => ask(`${loot.padEnd(40, 'a')}.long.test`),
    block: loot =>
      refused(/^NXDOMAIN[^\n]*dns-budget/, {
        layer: 'dns',
        host: `${loot.padEnd(40, 'a')}.long.test`,
        reason: 'dns-budget',
      }),
    audit: loot =>
      observed(/^NOERROR/, { layer: 'dns', host: `${loot.padEnd(40, 'a')}.long.test`, reason: 'dns-budget' }),
  },
  {
    id: 'D5',
    what: 'the alert comes before the block',
    does: () => ask('exact.long.test'),
    block: () => ({ got: answers, line: { layer: 'dns', event: 'dns-budget' }, arrives: false }),
    audit: () => ({ got: answers, line: { layer: 'dns', event: 'dns-budget' }, arrives: false }),
  },
]

t.test('D5: budgets', { skip }, async t => {
  await using lab = await openLab({})
  for (const name of ['*.budget.test', '*.bytes.test', '*.long.test']) await lab.serve(name, { v4: '198.51.100.10' })
  for (const mode of ['block', 'audit'] as const) {
    await lab.dns.clear()
    await raid(t, lab, { attacks: budgets, mode, allow })
    if (mode === 'audit') continue
    const left = async (domain: string): Promise<readonly string[]> => [
      ...new Set(
        (await lab.dns.queries({ under: domain })).map(({ name }) => name?.slice(0, -domain.length - 1) ?? ''),
      ),
    ]
    const [names, carried] = [await left('budget.test'), (await left('bytes.test')).join('')]
    t.ok(names.length < 150, `fewer than 150 names left (${names.length})`)
    t.ok(carried.length < 4_096, `less than 4 KiB left (${carried.length})`)
  }
})
