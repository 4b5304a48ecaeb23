import fc from 'fast-check'
import t from 'tap'
import { normaliseExecutable } from '../../../gateway/baseline/executable.ts'

const cases: readonly (readonly [path: string, form: string])[] = [
  ['/usr/bin/curl', '/usr/bin/curl'],
  ['/usr/bin/sha256sum', '/usr/bin/sha256sum'],
  ['/usr/bin/python3.11', '/usr/bin/python*'],
  ['/usr/bin/python3', '/usr/bin/python*'],
  ['/opt/hostedtoolcache/node/22.1.0/x64/bin/node', '/opt/hostedtoolcache/node/*/x64/bin/node'],
  ['/opt/nvm/versions/node/v22.1.0/bin/node', '/opt/nvm/versions/node/*/bin/node'],
  ['/usr/lib/jvm/java-17-openjdk-amd64/bin/java', '/usr/lib/jvm/java-*-openjdk-amd64/bin/java'],
  ['/usr/libexec/gcc/x86_64-linux-gnu/12/cc1', '/usr/libexec/gcc/x86_64-linux-gnu/*/cc1'],
  ['/tmp/go-build3141592653/b001/exe/main', '/tmp/go-build*/b001/exe/main'],
  ['/tmp/tmp.aB3dE5gH7j/x', '/tmp/tmp.*/x'],
  ['/srv/_work/0f8fad5b-d9cb-469f-a165-70867728950e/run', '/srv/_work/*/run'],
  ['/nix/store/0123456789abcdef/bin/x', '/nix/store/*/bin/x'],
  ['/tmp/x (deleted)', '/tmp/x (deleted)'],
  ['/tmp/\u001b[31mx', '/tmp/\\x1b[31mx'],
]
for (const [path, form] of cases) {
  t.test(`normaliseExecutable(): ${JSON.stringify(path)}`, async t => {
    t.equal(normaliseExecutable(path), form)
  })
}

t.test('normaliseExecutable(): twice is once, and no path has a new end', async t => {
  const segment = fc.oneof(
    fc.constantFrom('python3.11', 'v1.2.3', 'tmp.Ab3dE5', 'java-17-openjdk', 'bin', 'a b', '12'),
    fc.string({ maxLength: 12 }),
  )
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 8 }), segments => {
      const once = normaliseExecutable(`/${segments.join('/')}`)
      return normaliseExecutable(once) === once
    }),
    { numRuns: 1_000 },
  )
  t.pass('held')
})
