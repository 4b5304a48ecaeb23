import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { execa } from 'execa'
import t from 'tap'
import { Authority } from '../../../gateway/ca/authority.ts'
import { LeafMint } from '../../../gateway/ca/leaf.ts'
import { renderTrustStore, trustStorePassword } from '../../../gateway/ca/truststore.ts'
import { hostname } from '../door/fake-job.ts'
import { portOf } from '../door/loopback.ts'

const authority = new Authority({ job: 'demo', lifetimeHours: 1, now: Date.now() })
const other = new Authority({ job: 'other', lifetimeHours: 1, now: Date.now() })
const hasJava = (await execa('javac', ['-version'], { reject: false })).exitCode === 0
const needsJava = { skip: !hasJava && 'not on this machine: a JDK' }

t.test('renderTrustStore(): OpenSSL reads it and its seal holds', async t => {
  const file = join(t.testdir(), 'trust.p12')
  writeFileSync(file, renderTrustStore([{ alias: 'tidegate', certificate: authority.certificate }]))
  const read = (password: string) =>
    execa('openssl', ['pkcs12', '-in', file, '-nokeys', '-passin', `pass:${password}`], { reject: false })
  t.match((await read(trustStorePassword)).stdout, /friendlyName: tidegate/)
  t.not((await read('another')).exitCode, 0)
})

t.test('renderTrustStore(): keytool lists every certificate as trusted', needsJava, async t => {
  const file = join(t.testdir(), 'trust.p12')
  const entries = [authority, other].map((one, index) => ({ alias: `root-${index}`, certificate: one.certificate }))
  writeFileSync(file, renderTrustStore(entries))
  const args = ['-list', '-storetype', 'PKCS12', '-keystore', file, '-storepass', trustStorePassword]
  const { stdout, exitCode } = await execa('keytool', args, { reject: false })
  t.equal(exitCode, 0, stdout)
  t.equal(stdout.match(/trustedCertEntry/g)?.length, 2)
})

t.test('renderTrustStore(): a Java TLS client trusts what it holds, and nothing else', needsJava, async t => {
  const directory = t.testdir({
    'Client.java': `
      import javax.net.ssl.*;
      public class Client {
        public static void main(String[] args) throws Exception {
          SSLSocket socket = (SSLSocket) SSLSocketFactory.getDefault().createSocket("127.0.0.1", Integer.parseInt(args[0]));
          SSLParameters parameters = socket.getSSLParameters();
          parameters.setServerNames(java.util.List.of(new SNIHostName("java.example.com")));
          socket.setSSLParameters(parameters);
          try { socket.startHandshake(); System.out.println("trusted"); }
          catch (SSLHandshakeException refused) { System.out.println("refused"); }
          socket.close();
        }
      }`,
  })
  const host = hostname('java.example.com')
  const server = createServer(new LeafMint(authority).serverIdentity(host), socket =>
    socket.on('error', () => {}).end(),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())

  const run = async (root: Authority): Promise<string> => {
    const file = join(directory, 'trust.p12')
    writeFileSync(file, renderTrustStore([{ alias: 'root', certificate: root.certificate }]))
    const options = [`-Djavax.net.ssl.trustStore=${file}`, '-Djavax.net.ssl.trustStoreType=PKCS12']
    const args = [
      ...options,
      `-Djavax.net.ssl.trustStorePassword=${trustStorePassword}`,
      'Client.java',
      `${portOf(server)}`,
    ]
    return (await execa('java', args, { cwd: directory })).stdout
  }
  t.equal(await run(authority), 'trusted')
  t.equal(await run(other), 'refused')
})
