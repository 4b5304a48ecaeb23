import t from 'tap'
import { loadConfig, parseConfig } from '../../../gateway/config/load.ts'

const file = '/etc/tidegate/gateway.yaml'

t.test('parseConfig(): what is not said has its default', async t => {
  t.match(parseConfig('version: 1\n', file), {
    control: '/run/tidegate-control/gateway.sock',
    runDirectory: '/run/tidegate/jobs',
    logDirectory: '/var/log/tidegate',
    jobs: {},
    steering: 'auto',
    drainMs: 5_000,
    limits: { jobs: 64, connections: 4_096 },
  })
})

t.test('parseConfig(): policies and locks are found from the folder of the file', async t => {
  const text =
    'version: 1\npolicyFolder: policies\njobs: { a: { policy: a.yaml, lock: egress.lock }, b: { policy: /other/b.yaml }, "c-*": {} }\n'
  t.match(parseConfig(text, file), {
    policyFolder: '/etc/tidegate/policies',
    jobs: { a: { policy: '/etc/tidegate/a.yaml', lock: '/etc/tidegate/egress.lock' }, b: { policy: '/other/b.yaml' } },
  })
})

const faults: readonly (readonly [sentence: string, text: string, faults: readonly string[]])[] = [
  ['no version', 'drainMs: 1\n', ['1:1: version']],
  ['another version', 'version: 2\n', ['1:10: version']],
  ['a key that nobody knows', 'version: 1\ndrain: 5\n', ['1:1: (the file)']],
  ['a relative folder', 'version: 1\nrunDirectory: run\n', ['2:15: runDirectory']],
  ['an address without a port', 'version: 1\nadmin: 0.0.0.0\n', ['2:8: admin']],
  ['a port beyond the last', 'version: 1\nadmin: "[::1]:65536"\n', ['2:8: admin']],
  ['no mapping', '- version\n', ['1:1: (the file)']],
  ['nothing at all', '', ['1:1: (the file)']],
  ['a name that is a path', 'version: 1\njobs: { ../x: {} }\n', ['2:15: jobs.../x: must be a name']],
  ['a run folder of a pattern', 'version: 1\njobs: { "a*": { run: /run/x } }\n', ['2:22: jobs.a*.run']],
  ['a workspace of a pattern', 'version: 1\njobs: { "a*": { workspace: /w } }\n', ['2:28: jobs.a*.workspace']],
  ['a relative workspace', 'version: 1\nworkspaceDirectory: w\n', ['2:21: workspaceDirectory']],
  ['a key twice', 'version: 1\nversion: 1\n', ['2:1: ']],
  ['YAML that is none', 'version: [1\n', ['']],
  [
    'several at once',
    'version: 1\nlimits: { jobs: 0, udpFlows: many }\nsteering: magic\ncaLifetimeHours: 1000\n',
    ['2:17: limits.jobs', '2:30: limits.udpFlows', '3:11: steering', '4:18: caLifetimeHours'],
  ],
]
for (const [sentence, text, wanted] of faults) {
  t.test(`parseConfig(): is refused: ${sentence}`, async t => {
    try {
      parseConfig(text, file)
      t.fail('it was taken')
    } catch (cause) {
      t.match(cause, { code: 'CONFIG_INVALID' })
      const { faults: found = [] } = Object(Object(cause).details)
      for (const fault of wanted)
        t.ok(
          found.some((it: string) => it.startsWith(`${file}:${fault}`)),
          `${fault}: ${JSON.stringify(found)}`,
        )
    }
  })
}

t.test('loadConfig(): a file that is not there', async t => {
  await t.rejects(loadConfig('/nonexistent/gateway.yaml'), { code: 'CONFIG_INVALID', message: /no such file/ })
})
