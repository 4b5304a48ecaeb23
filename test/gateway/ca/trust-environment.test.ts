import { execa } from 'execa'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  addingVariables,
  planTrustEnvironment,
  proxyVariables,
  renderJsonEnvironment,
  renderShellEnvironment,
  replacingVariables,
} from '../../../gateway/ca/trust-environment.ts'

const paths = {
  authority: '/run/tidegate/ca.crt',
  bundle: '/run/tidegate/bundle.pem',
  trustStore: '/run/tidegate/truststore.p12',
}

t.test('planTrustEnvironment(): variables that replace a tool’s roots point at the whole bundle', async t => {
  const changes = planTrustEnvironment({}, paths, false)
  for (const name of replacingVariables) t.equal(changes[name], paths.bundle, name)
})

t.test(
  'planTrustEnvironment(): variables that add point at our certificate, or at the bundle when it holds more',
  async t => {
    for (const name of addingVariables) {
      t.equal(planTrustEnvironment({}, paths, false)[name], paths.authority, name)
      t.equal(planTrustEnvironment({}, paths, true)[name], paths.bundle, name)
    }
  },
)

t.test('planTrustEnvironment(): Java options of the environment are kept, ours come last', async t => {
  const outer = { JAVA_TOOL_OPTIONS: '-Xmx1g -Djavax.net.ssl.trustStore=/company.p12' }
  const options = planTrustEnvironment(outer, paths, false)['JAVA_TOOL_OPTIONS'] ?? ''
  t.ok(options.startsWith('-Xmx1g -Djavax.net.ssl.trustStore=/company.p12 -Djavax.net.ssl.trustStore='))
})

t.test('planTrustEnvironment(): proxies of the outer network are taken out, only those that are set (P6)', async t => {
  const changes = planTrustEnvironment({ https_proxy: 'http://proxy.example.com:3128', NO_PROXY: '*' }, paths, false)
  t.equal(changes['https_proxy'], null)
  t.strictSame(
    proxyVariables.filter(name => name in changes),
    ['https_proxy'],
  )
  t.notOk('NO_PROXY' in changes)
})

t.test('planTrustEnvironment(): settings that are none of ours stay untouched', async t => {
  t.notOk('GOFLAGS' in planTrustEnvironment({ GOFLAGS: '-mod=vendor' }, paths, false))
})

t.test('renderShellEnvironment(): a shell that sources it has exactly these variables', async t => {
  const file = join(t.testdir(), 'env')
  const odd = { PLAIN: 'a b', QUOTED: `it's $HOME \`x\` "y"\nz`, GONE: null }
  writeFileSync(file, renderShellEnvironment(odd))
  const script = `. ${file}; printf '%s|%s|%s' "$PLAIN" "$QUOTED" "\${GONE-unset}"`
  const { stdout } = await execa('sh', ['-c', script], { env: { GONE: 'still here' } })
  t.equal(stdout, `${odd.PLAIN}|${odd.QUOTED}|unset`)
})

t.test('renderJsonEnvironment(): is the same table, with null for what is taken out', async t => {
  const changes = { A: 'x', B: null }
  t.strictSame(JSON.parse(renderJsonEnvironment(changes)), changes)
})
