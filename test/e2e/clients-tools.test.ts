import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import type { Service } from '../lab/servers/internet-offer.ts'
import { aptOptions } from './apt-options.ts'
import { auditPolicy, blockPolicy } from './behind.ts'
import { linesFor, requestsOnBothSides } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(180_000)

const services: readonly Service[] = ['origins', 'git', 'npm', 'python', 'debian', 'ssh']

const modes = [
  [
    'block',
    blockPolicy([
      'GET,POST https://git.acme.test/acme/app.git/**',
      'GET,POST https://npm.acme.test/**',
      'GET,HEAD https://pypi.acme.test/**',
      'GET,HEAD http://apt.acme.test/debian/**',
      'GET,HEAD https://apt.acme.test/debian/**',
      'tcp://ssh.acme.test:22',
      'api.acme.test',
    ]),
  ],
  ['audit', auditPolicy],
] as const

await t.test('a build’s tools work unmodified', { skip: whyNoLab(services) }, async t => {
  await using lab = await openLab({ services })
  const ssh = `ssh -F none -i '${lab.file('ssh/id')}' -o UserKnownHostsFile='${lab.file('ssh/known_hosts')}'`
  const steps = {
    clone: 'git clone -q https://git.acme.test/acme/app.git && git -C app log --format=%s',
    push: [
      'cd app && git config user.name Lab && git config user.email lab@acme.test',
      'head -c 300000 /dev/urandom >noise && git add noise && git commit -q -m "$(basename "$WORK")"',
      'git push -q origin main && git ls-remote origin refs/heads/main && git rev-parse HEAD',
    ].join('\n'),
    npm: [
      'mkdir npm && cd npm && echo "{\\"name\\":\\"w\\",\\"version\\":\\"1.0.0\\"}" >package.json',
      'npm install --no-audit --no-fund --no-update-notifier --registry https://npm.acme.test/ --cache "$WORK/npm-cache" lab-right >&2',
      `node -p 'require("lab-right")("x")'`,
    ].join('\n'),
    pip: 'python3 -m pip download --no-cache-dir --disable-pip-version-check --isolated --index-url https://pypi.acme.test/simple/ -d wheels lab-wheel && ls wheels',
    apt: 'export DEBIAN_FRONTEND=noninteractive; apt-get $(cat apt-options) update && apt-get $(cat apt-options) -y install lab-hello && cat root/usr/share/lab-hello/greeting',
    aptTls:
      'sed "s/http:/https:/" "$(cat apt-root)/sources.list" >"$(cat apt-root)/tls" && apt-get $(cat apt-options) -o Dir::Etc::sourcelist="$(cat apt-root)/tls" update',
    wget: 'wget -qO- https://api.acme.test/; wget -S --spider https://api.acme.test/bytes/12345',
    openssl:
      '{ printf "GET /status/202 HTTP/1.1\\r\\nHost: api.acme.test\\r\\nConnection: close\\r\\n\\r\\n"; sleep 1; } | openssl s_client -connect api.acme.test:443 -servername api.acme.test -verify_return_error -CAfile "$SSL_CERT_FILE" -ign_eof',
    ssh: `head -c 3000000 /dev/zero | ${ssh} root@ssh.acme.test 'wc -c; echo "$0 hello"'`,
  }

  for (const [mode, policy] of modes)
    await t.test(`in ${mode}`, async t => {
      await lab.origins.clear()
      const root = lab.file(`apt-${mode}`)
      const prepare = {
        prepare: `ln -s '${aptOptions(root)}' apt-options; ln -s '${root}/root' root; echo '${root}' >apt-root`,
      }
      const run = await runSteps(lab, { policy, steps: { ...prepare, ...steps }, timeoutMs: 120_000 })
      const is = mode === 'block' ? { verdict: 'allow' as const } : { verdict: 'observe' as const, reason: 'no-rule' }

      await t.test('git clones and pushes', async t => {
        t.match(run.step('clone').stdout, /second\nfirst\n$/, run.step('clone').stderr)
        const [remote = '', local = 'none'] = run.step('push').stdout.split('\n')
        t.match(remote, local, run.step('push').stderr)
        t.match(linesFor(run.lines, 'git.acme.test', { path: '/acme/app.git/git-receive-pack' }), [
          {
            ...is,
            layer: 'http',
            inspected: true,
            process: {
              exe: '/usr/lib/git-core/git-remote-http',
              command: /^\S*git-remote-https origin https:/,
              parents: ['/usr/lib/git-core/git', '/usr/bin/git', '/usr/bin/dash', '/usr/bin/timeout', '/usr/bin/dash'],
            },
          },
        ])
      })
      await t.test('npm installs', async t => {
        t.equal(run.step('npm').stdout, ' x \n', run.step('npm').stderr)
        const requests = linesFor(run.lines, 'npm.acme.test', { layer: 'http' })
        t.ok(requests.length >= 4, 'two packages, each with its metadata and its archive')
        for (const line of requests)
          t.match(line, { ...is, inspected: true, process: { exe: /node$/, command: /^npm install|npm/ } })
      })
      await t.test('pip downloads', async t => {
        t.match(run.step('pip').stdout, /lab_wheel-1\.0\.0-py3-none-any\.whl\n$/, run.step('pip').stderr)
        for (const line of linesFor(run.lines, 'pypi.acme.test', { layer: 'http' }))
          t.match(line, { ...is, inspected: true, process: { exe: /python3[.\d]*$/, command: /-m pip download/ } })
      })
      await t.test('apt-get updates and installs', async t => {
        t.match(run.step('apt').stdout, /hello from the lab\n$/, run.step('apt').stderr)
        const requests = linesFor(run.lines, 'apt.acme.test', { layer: 'http', port: 80 })
        t.ok(requests.length >= 2)
        for (const line of requests) t.match(line, { ...is, process: { exe: '/usr/lib/apt/methods/http' } })
        t.match(run.step('aptTls').stdout, 'https://apt.acme.test/debian ./ Release [', run.step('aptTls').stderr)
        t.match(linesFor(run.lines, 'apt.acme.test', { layer: 'http', port: 443, path: '/debian/Release' }), [
          { ...is, inspected: true },
        ])
      })
      await t.test('wget and openssl', async t => {
        t.equal(run.step('wget').stdout, 'api.acme.test\n', run.step('wget').stderr)
        t.match(run.step('wget').stderr, 'Content-Length: 12345')
        t.match(run.step('openssl').stdout, /issuer=CN = Tidegate/, run.step('openssl').stderr)
        t.match(run.step('openssl').stdout, /Verify return code: 0 \(ok\)/)
        t.match(run.step('openssl').stdout, /HTTP\/1\.1 202 Accepted\r\n[^]*status 202\n/)
        t.match(linesFor(run.lines, 'api.acme.test', { layer: 'http', path: '/status/202' }), [
          { ...is, inspected: true, process: { exe: '/usr/bin/openssl' } },
        ])
      })
      await t.test('ssh runs a command', async t => {
        t.match(run.step('ssh').stdout, /^3000000\n\S+ hello\n$/, run.step('ssh').stderr)
        const [line, ...more] = linesFor(run.lines, 'ssh.acme.test', { layer: 'tcp' })
        t.match(line, {
          ...is,
          port: 22,
          protocol: 'tcp',
          process: { exe: '/usr/bin/ssh', command: /root@ssh\.acme\.test/ },
        })
        t.ok((line?.bytesSent ?? 0) > 3_000_000)
        t.strictSame(more, [])
      })
      const { logged, arrived } = requestsOnBothSides(run.lines, await lab.origins.requests())
      t.strictSame(logged, arrived, 'one line for each request, and none else')
      t.strictSame(await lab.sink.lines(), [], 'and nothing went elsewhere')
    })
})
