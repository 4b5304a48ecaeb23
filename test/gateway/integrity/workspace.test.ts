import t from 'tap'
import type { InsightHost } from '../../../gateway/insight/part.ts'
import { workspaceOf } from '../../../gateway/integrity/workspace.ts'
import { policyOf } from '../policy/sample.ts'

type Said = Pick<InsightHost, 'cwd' | 'workspace'>

function place(said: Said, named: string | undefined) {
  const host: InsightHost = {
    job: 'build',
    policy: () => policyOf({ allow: [] }),
    out: '/',
    procRoot: undefined,
    environment: {},
    alarm: () => undefined,
    write: () => undefined,
    closeNetwork: () => undefined,
    onWarning: () => undefined,
    ...said,
  }
  return workspaceOf(host, named)
}

const served = { cwd: undefined }

t.test('workspaceOf(): where the gateway looks', async t => {
  const cases: readonly (readonly [
    sentence: string,
    said: Said,
    named: string | undefined,
    here: string | undefined,
  ])[] = [
    ['run: where the job starts', { cwd: '/home/build' }, undefined, '/home/build'],
    ['run: what the policy names', { cwd: '/home/build' }, '/src', '/src'],
    ['serve: what the policy names', served, '/src', '/src'],
    [
      'serve: what the configuration says, whatever the policy calls it',
      { ...served, workspace: '/v/a' },
      '/src',
      '/v/a',
    ],
    ['serve: what the configuration says', { ...served, workspace: '/v/a' }, undefined, '/v/a'],
    ['serve: nobody says', served, undefined, undefined],
  ]
  for (const [sentence, said, named, here] of cases) t.equal(place(said, named)?.here, here, sentence)
  t.strictSame(place({ cwd: '/' }, '/src')?.isConfined, false)
  t.strictSame(place(served, '/src')?.isConfined, true)
})

t.test('workspaceOf(): a folder that the job names', async t => {
  const same = place(served, '/src/')
  t.strictSame(same?.inJob('/src/app', '/real'), { folder: '/real/app' })
  t.strictSame(same?.inJob('/real/app', '/real'), { folder: '/real/app' }, 'with its links followed')
  t.match(same?.inJob('/srcs', '/real'), { error: /^\/srcs is not in the workspace \/src/ })
  const other = place({ ...served, workspace: '/v/a' }, '/src')
  t.strictSame(other?.inJob('/src', '/v/a'), { folder: '/v/a' })
  t.match(
    other?.inJob('/v/a/app', '/v/a'),
    { error: /is not in the workspace \/src$/ },
    'the job has another name for it',
  )
  t.match(place({ ...served, workspace: '/v/a' }, undefined)?.inJob('/src', '/v/a'), { error: /integrity.workspace/ })
})
