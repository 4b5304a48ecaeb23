import { fileURLToPath } from 'node:url'
import t from 'tap'
import { detect } from '../../../gateway/cli/detect.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { readUse } from '../../../gateway/policy/load.ts'
import { outcome } from './outcome.ts'

const fixtures = fileURLToPath(new URL('../../fixtures/detect', import.meta.url))
// No tools and no settings: the outcome is the same on every machine.
const env = { PATH: '/nonexistent', HOME: '/nonexistent' }

t.test('detect: prints a valid policy with presets for public registries', async t => {
  const { stdout, stderr, exitCode } = await outcome(detect, ['docker'], { cwd: fixtures, env })
  t.equal(exitCode, 0)
  t.equal(stderr, '')
  t.equal(parsePolicy(stdout, 'detected', readUse).mode, 'audit')
  t.match(stdout, 'use:\n  - docker-hub # Dockerfile:9\n')
  t.match(stdout, '  - GET,HEAD https://files.acme.test/data/set.csv # Dockerfile:10\n')
})

t.test('detect: --mode sets the mode', async t => {
  const { stdout } = await outcome(detect, ['npm', '--mode', 'block'], { cwd: fixtures, env })
  t.equal(parsePolicy(stdout, 'detected', readUse).mode, 'block')
})

t.test('detect: --json says the same with places', async t => {
  const { stdout } = await outcome(detect, ['pdm', '--json'], { cwd: fixtures, env })
  t.match(JSON.parse(stdout), {
    version: 1,
    mode: 'audit',
    allow: [
      {
        tool: 'python',
        rule: 'GET,HEAD https://pdm.acme.test/simple/**',
        places: [{ file: 'pyproject.toml', line: 3 }],
      },
    ],
    notes: [{ tool: 'python' }],
    warnings: [],
  })
})

t.test('detect: a broken file is one line on stderr, and the exit is 0', async t => {
  const { stdout, stderr, exitCode } = await outcome(detect, ['broken'], { cwd: fixtures, env })
  t.equal(exitCode, 0)
  t.equal(stderr.trim().split('\n').length, 4)
  t.match(stderr, 'tidegate: pyproject.toml:2: ')
  t.notMatch(stdout + stderr, 'SECRET')
  t.equal(parsePolicy(stdout, 'detected', readUse).mode, 'audit')
})

t.test('detect: an empty project is a policy that allows nothing', async t => {
  const { stdout, exitCode } = await outcome(detect, [], { cwd: t.testdir({}), env })
  t.equal(exitCode, 0)
  t.match(stdout, 'allow: []')
})

for (const args of [['missing'], ['docker', 'npm'], ['docker', '--mode', 'off'], ['--what']]) {
  t.test(`detect: fails with USAGE, for ${args.join(' ')}`, async t => {
    const { stdout, error } = await outcome(detect, args, { cwd: fixtures, env })
    t.equal(error?.code, 'USAGE')
    t.equal(stdout, '')
  })
}
