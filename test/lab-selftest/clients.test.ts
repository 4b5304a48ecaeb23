import t from 'tap'
import { writeFileSync } from 'node:fs'
import { patternDigest } from '../lab/origins/pattern.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { services } from '../lab/servers/internet-offer.ts'
import { metadataSecret } from '../lab/services/metadata.ts'

await t.test('every client reaches its service directly', { skip: whyNoLab(services) }, async t => {
  await using lab = await openLab({ services })
  const run = async (
    file: string,
    args: readonly string[],
    options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
  ) => lab.host.exec(file, args, { timeoutMs: 60_000, ...options })
  const work = lab.file('work')
  await run('mkdir', ['-p', work])

  await t.test('curl: bytes over h1 and h2, both families, plain HTTP', async t => {
    for (const flags of [['--http1.1'], ['--http2'], ['-4'], ['-6']]) {
      const { stdoutBytes, stderr } = await run('curl', ['-sS', ...flags, 'https://api.acme.test/bytes/300000'])
      t.equal(stdoutBytes.length, 300_000, stderr)
    }
    const digest = await run('sh', ['-c', 'curl -sS https://api.acme.test/bytes/1000000 | sha256sum'])
    t.equal(digest.stdout.split(' ')[0], patternDigest(1_000_000))
    t.equal((await run('curl', ['-sS', 'http://api.acme.test/'])).stdout, 'api.acme.test\n')
  })

  await t.test('curl: uploads, Expect, chunked, HEAD, 103, trailers, gzip, kept connections', async t => {
    writeFileSync(`${work}/body`, Buffer.alloc(2_000_000, 'x'))
    for (const flags of [['-H', 'Expect: 100-continue'], ['-H', 'Transfer-Encoding: chunked'], []]) {
      await run('curl', ['-sS', '--http1.1', '-T', `${work}/body`, ...flags, 'https://h1.acme.test/upload'])
      const request = (await lab.origins.requests({ host: 'h1.acme.test' })).at(-1)
      t.match(request, { method: 'PUT', complete: true, body: { length: 2_000_000 } })
    }
    t.match((await run('curl', ['-sSI', 'https://h1.acme.test/bytes/77'])).stdout, /Content-Length: 77/)
    t.match((await run('curl', ['-sSi', 'https://h1.acme.test/1xx'])).stdout, /^HTTP\/1.1 103 [\s\S]*HTTP\/1.1 200/)
    t.match((await run('curl', ['-sSi', 'https://h1.acme.test/trailers'])).stdout, /X-Checksum/)
    t.match((await run('curl', ['-sSi', 'https://h2.acme.test/trailers'])).stdout, /x-checksum: abc/)
    t.match((await run('curl', ['-sS', '--compressed', 'https://api.acme.test/gzip'])).stdout, 'compressed text')
    await run('curl', ['-sS', 'https://h1.acme.test/?kept', 'https://h1.acme.test/?kept'])
    const kept = await lab.origins.requests(({ target }) => target === '/?kept')
    t.equal(new Set(kept.map(({ connection }) => connection)).size, 1)
    t.equal(kept.length, 2)
  })

  await t.test('curl: what is broken is broken', async t => {
    const codes: readonly (readonly [string, number])[] = [
      ['expired.acme.test', 60],
      ['early.acme.test', 60],
      ['wrong-name.acme.test', 60],
      ['self-signed.acme.test', 60],
      ['untrusted.acme.test', 60],
      ['refused.acme.test', 7],
      ['tls12.acme.test', 0],
      ['no-alpn.acme.test', 0],
      ['broken-v6.acme.test', 0],
      ['broken-v4.acme.test', 0],
      ['v6.acme.test', 0],
      ['alias.acme.test', 0],
    ]
    for (const [name, code] of codes) {
      const { exitCode, stderr } = await run('curl', ['-sS', '--connect-timeout', '5', `https://${name}/`])
      t.equal(exitCode, code, `${name}: ${stderr}`)
    }
    t.not((await run('curl', ['-sS', 'https://mtls.acme.test/'])).exitCode, 0)
    const identity = ['--cert', lab.file('client.pem'), '--key', lab.file('client-key.pem')]
    t.equal((await run('curl', ['-sS', ...identity, 'https://mtls.acme.test/'])).exitCode, 0)
    t.match(await lab.origins.connections(({ clientCertificate }) => clientCertificate !== undefined), [
      { clientCertificate: 'lab-client' },
    ])
    t.equal((await run('curl', ['-sS', '-m', '1', 'https://blackhole.acme.test/'])).exitCode, 28)
    t.equal((await run('curl', ['-sS', '-m', '1', 'https://silent.acme.test/'])).exitCode, 28)
    for (const path of ['reset', 'truncate'])
      t.not((await run('curl', ['-sS', '-o', '/dev/null', `https://h1.acme.test/${path}`])).exitCode, 0)
    t.equal((await run('curl', ['-sS', '--tls-max', '1.2', 'https://tls12.acme.test/'])).exitCode, 0)
  })

  await t.test('metadata and neighbour answer', async t => {
    for (const url of [
      'http://169.254.169.254/latest/meta-data/',
      'http://168.63.129.16:32526/',
      'http://169.254.170.2/',
      'http://[fd00:ec2::254]/',
    ])
      t.match((await run('curl', ['-sS', url])).stdout, metadataSecret, url)
    t.match((await run('curl', ['-sS', 'http://192.0.2.20:3128/'])).stdout, 'relays')
  })

  await t.test('nginx: download and PUT', async t => {
    t.equal((await run('curl', ['-sS', 'https://bulk.acme.test/1k'])).stdoutBytes.length, 1_024)
    t.match((await run('curl', ['-sSI', 'https://x1.bulk.acme.test/1g'])).stdout, /content-length: 1073741824/)
    t.match((await run('curl', ['-sSi', '-T', `${work}/body`, 'https://bulk.acme.test/up/body'])).stdout, /201/)
  })

  await t.test('git: clone and push', async t => {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@acme.test']
    t.equal((await run('git', ['clone', '-q', 'https://git.acme.test/acme/app.git'], { cwd: work })).exitCode, 0)
    await run('git', [...identity, 'commit', '-q', '--allow-empty', '-m', 'third'], { cwd: `${work}/app` })
    t.equal((await run('git', ['push', '-q', 'origin', 'main'], { cwd: `${work}/app` })).exitCode, 0)
    t.match((await run('git', ['ls-remote', 'https://github.test/acme/app.git'])).stdout, 'refs/heads/main')
  })

  await t.test('npm: install with a dependency; the poisoned one reaches the attacker', async t => {
    writeFileSync(`${work}/package.json`, '{"name":"w","version":"1.0.0"}')
    const npm = await run('npm', ['install', '--registry', 'https://npm.acme.test/', 'lab-right', 'lab-poisoned'], {
      cwd: work,
      env: { CI_TOKEN: 'secret-of-the-build' },
    })
    t.equal(npm.exitCode, 0, npm.stderr)
    t.equal((await run('node', ['-p', "require('lab-right')('x')"], { cwd: work })).stdout, ' x \n')
    t.ok(await lab.sink.contains('secret-of-the-build'))
    t.match(await lab.sink.requests(), [{ path: '/collect' }, { path: '/collect' }])
  })

  await t.test('pip: download', async t => {
    const pip = await run('python3', [
      '-m',
      'pip',
      'download',
      '--no-cache-dir',
      '--index-url',
      'https://pypi.acme.test/simple/',
      '-d',
      work,
      'lab-wheel',
    ])
    t.equal(pip.exitCode, 0, pip.stderr)
    t.match(pip.stdout, 'Successfully downloaded lab-wheel')
  })

  await t.test('apt: update and download', async t => {
    for (const folder of ['lists/partial', 'cache/archives/partial', 'parts'])
      await run('mkdir', ['-p', `${work}/apt/${folder}`])
    writeFileSync(`${work}/apt/sources.list`, 'deb [trusted=yes] http://apt.acme.test/debian ./\n')
    const apt = Object.entries({
      'Dir::Etc::sourcelist': `${work}/apt/sources.list`,
      'Dir::Etc::sourceparts': `${work}/apt/parts`,
      'Dir::State::lists': `${work}/apt/lists`,
      'Dir::Cache': `${work}/apt/cache`,
      'APT::Sandbox::User': 'root',
      'Acquire::http::Proxy': 'DIRECT',
    }).flatMap(([key, value]) => ['-o', `${key}=${value}`])
    const update = await run('apt-get', [...apt, 'update'])
    t.equal(update.exitCode, 0, update.stderr)
    const download = await run('apt-get', [...apt, 'download', 'lab-hello'], { cwd: work })
    t.equal(download.exitCode, 0, download.stderr)
    t.equal((await run('dpkg-deb', ['--fsys-tarfile', `${work}/lab-hello_1.0_all.deb`])).exitCode, 0)
  })

  await t.test('ssh: runs a command', async t => {
    const ssh = await run('ssh', [
      '-F',
      'none',
      '-i',
      lab.file('ssh/id'),
      '-o',
      `UserKnownHostsFile=${lab.file('ssh/known_hosts')}`,
      'root@ssh.acme.test',
      'echo',
      'hello',
    ])
    t.equal(ssh.stdout, 'hello\n', ssh.stderr)
  })

  await t.test('wget and openssl s_client', async t => {
    t.equal(
      (await run('wget', ['-qO-', `--ca-certificate=${lab.ca.certPath}`, 'https://api.acme.test/'])).stdout,
      'api.acme.test\n',
    )
    t.match(
      (
        await run(
          'openssl',
          ['s_client', '-connect', 'api.acme.test:443', '-servername', 'api.acme.test', '-verify_return_error'],
          { input: 'Q\n' },
        )
      ).stdout,
      'Verify return code: 0',
    )
  })

  await t.test('gRPC: a bidirectional stream with trailers', async t => {
    const { stdout, stderr } = await run(process.execPath, [
      new URL('clients/grpc.ts', import.meta.url).pathname,
      'grpc.acme.test:443',
    ])
    t.same(JSON.parse(stdout || '{}'), { echoed: ['one', 'two', 'three'], trailer: 'end', code: 0 }, stderr)
    t.match(await lab.origins.requests({ protocol: 'grpc' }), [{ target: '/lab.Echo/Bidi', body: { length: 11 } }])
  })

  await t.test('WebSocket: an echo', async t => {
    for (const url of ['wss://ws.acme.test/socket', 'ws://ws.acme.test/socket']) {
      const { stdout, stderr } = await run(process.execPath, [
        new URL('clients/websocket.ts', import.meta.url).pathname,
        url,
      ])
      t.equal(stdout, 'hello\n', stderr)
    }
  })
})
