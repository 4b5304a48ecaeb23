import t from 'tap'
import type { InsightHost } from '../../gateway/insight/part.ts'
import { openInsight } from '../../gateway/open-insight.ts'
import { policyOf } from './door/fake-job.ts'

function host(keys: string): InsightHost {
  const policy = policyOf('block', ['npm.acme.example'], keys)
  return {
    job: 'build',
    policy: () => policy,
    cwd: '/',
    out: '/',
    procRoot: undefined,
    environment: {},
    alarm: () => {},
    write: () => {},
    closeNetwork: () => {},
    onWarning: () => {},
  }
}

t.test('openInsight(): a policy that asks for nothing gets nobody, and pays for nobody', async t => {
  const written: unknown[] = []
  {
    await using looking = await openInsight(host(''), async artifact => void written.push(artifact))
    t.strictSame(
      {
        insight: looking.insight,
        environment: looking.environment,
        output: looking.output,
        failures: looking.failures(),
      },
      { insight: undefined, environment: {}, output: undefined, failures: [] },
    )
  }
  t.strictSame(written, [])
})

t.test('openInsight(): each key opens its part, which looks at what it needs and no more', async t => {
  for (const [keys, methods] of [
    ['packages: { deny: ["pkg:npm/evil"] }\n', ['request']],
    ['tokens: { pin: true }\n', ['request']],
  ] as const) {
    await using looking = await openInsight(host(keys), async () => {})
    for (const method of methods) t.ok(looking.insight?.[method] !== undefined, `${keys.trim()} looks at ${method}`)
    t.equal(looking.output, undefined, `${keys.trim()} reads no output`)
  }
})
