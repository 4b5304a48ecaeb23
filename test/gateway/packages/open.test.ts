import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { InsightHost } from '../../../gateway/insight/part.ts'
import { openPackages } from '../../../gateway/packages/open.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import type { Alarm } from '../../../gateway/record/event.ts'
import { seen } from './seen.ts'

/** A job whose policy can be changed, and what it is told. */
class Host implements InsightHost {
  readonly alarms: Alarm[] = []
  readonly warnings: string[] = []
  readonly job = 'build'
  readonly cwd = '/'
  readonly out = '/'
  readonly procRoot = undefined
  readonly environment = {}
  #policy = policyWith('')

  constructor(packages: string) {
    this.change(packages)
  }

  readonly policy = (): ReturnType<typeof policyWith> => this.#policy

  readonly onWarning = (text: string): void => void this.warnings.push(text)

  change(packages: string): void {
    this.#policy = policyWith(packages)
  }

  alarm(alarm: Alarm): void {
    this.alarms.push(alarm)
  }

  write(): void {
    throw new Error('it writes no lines of its own')
  }

  closeNetwork(): void {
    throw new Error('it closes nothing')
  }
}

function policyWith(packages: string): ReturnType<typeof parsePolicy> {
  return parsePolicy(`version: 1\nmode: block\nallow: []\n${packages}`, 'p.yaml', () => undefined)
}

const evil = seen({ url: 'https://npm.test/evil/-/evil-1.0.0.tgz' })

function osvIn(t: Test, name: string, text: string): string {
  const path = `${t.testdir()}/${name}`
  writeFileSync(path, text)
  return path
}

const advisory = JSON.stringify({
  id: 'MAL-1',
  affected: [{ package: { ecosystem: 'npm', name: 'evil' }, versions: ['1.0.0'] }],
})

t.test('openPackages(): what the policy says when the job starts', async t => {
  await using part = await openPackages(new Host('packages: { deny: ["pkg:npm/evil@<2.0.0"] }'))
  t.match(part.insight?.request?.(evil)?.objection, { rule: 'packages.deny[0] pkg:npm/evil@<2.0.0' })
})

t.test('openPackages(): a line that cannot be read ends the start', async t => {
  await t.rejects(openPackages(new Host('packages: { deny: ["pkg:npm/evil@latest"] }')), { code: 'POLICY_INVALID' })
})

t.test('openPackages(): a broken advisory file is told, the others hold', async t => {
  const path = osvIn(t, 'good.json', advisory)
  const broken = path.replace('good', 'broken')
  writeFileSync(broken, '{')
  const host = new Host(`packages: { osv: [${broken}, ${path}, /nowhere/at/all] }`)
  await using part = await openPackages(host)
  t.match(host.warnings, [/^2 of the advisory files in packages\.osv could not be read/])
  t.match(host.alarms, [{ kind: 'package-unread' }])
  t.match(part.insight?.request?.(evil)?.objection, { rule: 'packages.osv MAL-1' })
})

t.test('openPackages(): another policy while the job runs', async t => {
  const path = osvIn(t, 'one.json', advisory)
  const host = new Host('packages: {}')
  const rule = (): string | undefined => part.insight?.request?.(evil)?.objection?.rule
  const part = await openPackages(host)
  t.equal(rule(), undefined)
  host.change('packages: { deny: ["pkg:npm/evil"] }')
  t.equal(rule(), 'packages.deny[0] pkg:npm/evil')
  host.change('packages: { deny: ["pkg:npm/evil@not-a-range"] }')
  t.equal(rule(), 'packages.deny[0] pkg:npm/evil@not-a-range', 'what cannot be read stands for every version')
  host.change(`packages: { osv: [${path}] }`)
  t.equal(rule(), undefined, 'advisories are read while the job goes on')
  await part[Symbol.asyncDispose]()
  t.equal(rule(), 'packages.osv MAL-1')
  host.change('')
  t.equal(part.insight?.request?.(evil), undefined, 'nothing is looked at any more')
})
