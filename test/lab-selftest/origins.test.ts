import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'

await t.test('the origins', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({
    services: ['origins'],
    names: { 'extra.test': {}, 'only6.test': { v6: '2001:db8::11' } },
  })
  const { host, origins } = lab
  const curl = async (...args: readonly string[]) => host.exec('curl', ['-sS', ...args])

  await t.test('record a head byte for byte', async t => {
    await origins.clear()
    const head = 'GET /echo?q=1 HTTP/1.1\r\nhOsT: h1.acme.test\r\nX-Twice: a\r\nx-twice:   b  \r\nX-Empty:\r\n\r\n'
    await host.exec('openssl', ['s_client', '-quiet', '-connect', 'h1.acme.test:443', '-servername', 'h1.acme.test'], {
      input: head,
      timeoutMs: 1_500,
    })
    const [request] = await origins.requests()
    t.equal(Buffer.from(request?.head ?? []).toString('latin1'), head)
    t.match(request, { sni: 'h1.acme.test', host: 'h1.acme.test', path: '/echo', target: '/echo?q=1' })
    t.same(request?.headers, [
      ['hOsT', 'h1.acme.test'],
      ['X-Twice', 'a'],
      ['x-twice', 'b'],
      ['X-Empty', ''],
    ])
  })

  await t.test('record chunk framing and trailers', async t => {
    await origins.clear()
    const message =
      'POST /upload HTTP/1.1\r\nHost: api.acme.test\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n'
    await host.exec('socat', ['-t', '1', '-', 'TCP:api.acme.test:80'], { input: message })
    const [request] = await origins.requests()
    t.match(request, { complete: true, encrypted: false, body: { length: 3 }, trailers: [['X-Sum', '7']] })
    t.equal(Buffer.from(request?.framed.bytes ?? []).toString(), '3;x=y\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n')
    const [connection] = await origins.connections()
    t.equal(Buffer.from(connection?.received ?? []).toString(), message)
  })

  await t.test('answer pipelined requests in order', async t => {
    const one = 'GET /status/201 HTTP/1.1\r\nHost: a.test\r\n\r\n'
    const { stdout } = await host.exec('socat', ['-t', '1', '-', 'TCP:api.acme.test:80'], {
      input: one + one.replace('201', '202'),
    })
    t.match(stdout, /201[\s\S]*202/)
  })

  await t.test('write scripts byte for byte, replies, and answers of the test', async t => {
    await origins.script('h1.acme.test', '/raw', 'HTTP/1.1 299 Odd\r\nx-ODD: 1\r\nContent-Length: 2\r\n\r\nok')
    t.equal(
      (await curl('-i', 'https://h1.acme.test/raw')).stdout,
      'HTTP/1.1 299 Odd\r\nx-ODD: 1\r\nContent-Length: 2\r\n\r\nok',
    )
    await origins.script('extra.test', '*', { status: 418, headers: [['x-a', '1']], body: 'tea' })
    t.match((await curl('-i', 'https://extra.test/anything')).stdout, /^HTTP\/2 418[\s\S]*x-a: 1[\s\S]*tea$/)
    await origins.script('api.acme.test', '/ask', ({ bodyBytes }) => ({
      status: 200,
      body: `you said ${Buffer.from(bodyBytes).toString()}`,
    }))
    t.equal((await curl('https://api.acme.test/ask', '-d', 'hi')).stdout, 'you said hi')
    await origins.script('h1.acme.test', '/cut', [
      { send: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour' },
      { waitMs: 10 },
      { end: 'reset' },
    ])
    t.not((await curl('https://h1.acme.test/cut')).exitCode, 0)
    await origins.unscript('extra.test', '*')
    t.equal((await curl('https://extra.test/')).stdout, 'extra.test\n')
  })

  await t.test('show fronting: server name and host differ', async t => {
    await origins.clear()
    await curl('-H', 'Host: other.acme.test', 'https://api.acme.test/')
    t.match(await origins.requests(), [{ sni: 'api.acme.test', host: 'other.acme.test' }])
  })

  await t.test('serve names of one family', async t => {
    t.equal((await curl('https://only6.test/')).stdout, 'only6.test\n')
    t.match(await origins.requests({ host: 'only6.test' }), [{ address: '2001:db8::11', peer: '2001:db8:2::10' }])
  })

  await t.test('say whether a TLS session was resumed', async t => {
    await origins.clear()
    const client = ['s_client', '-connect', 'h1.acme.test:443', '-servername', 'h1.acme.test', '-ign_eof']
    const ask = { input: 'GET / HTTP/1.1\r\nHost: h1.acme.test\r\nConnection: close\r\n\r\n', timeoutMs: 1_500 }
    await host.exec('openssl', [...client, '-sess_out', lab.file('session')], ask)
    await host.exec('openssl', [...client, '-sess_in', lab.file('session')], ask)
    t.same(
      (await origins.connections()).map(({ sessionReused }) => sessionReused),
      [false, true],
    )
  })

  await t.test('record handshakes that failed, and client certificates', async t => {
    await origins.clear()
    await host.exec('curl', ['-sS', 'https://api.acme.test/'], {
      env: { CURL_CA_BUNDLE: '/dev/null', SSL_CERT_FILE: '/dev/null' },
    })
    t.match(await origins.connections(), [{ error: String, closed: true }])
  })

  await t.test('are more than HTTPS on 443', async t => {
    for (const address of ['198.51.100.10', '[2001:db8::10]']) {
      for (const port of ['7', '123', '5000'])
        for (const transport of ['TCP', 'UDP']) {
          const { stdout } = await host.exec('socat', ['-t', '1', '-', `${transport}:${address}:${port}`], {
            input: 'hello',
          })
          t.equal(stdout, 'hello', `${transport} ${address} ${port}`)
        }
      t.match((await host.exec('socat', ['-T', '0.2', '-', `TCP:${address}:2525`])).stdout, '220 lab ready')
      t.equal((await curl(`https://${address}/`)).exitCode, 0)
      t.equal((await curl(`https://${address}:8443/`)).exitCode, 0)
      t.equal((await curl(`http://${address}:8080/`)).exitCode, 0)
    }
  })

  await t.test('take h2 trailers and odd headers', async t => {
    t.match(
      (await curl('-i', '--http1.1', 'https://api.acme.test/headers')).stdout,
      /^HTTP\/1.1 200 Quite All Right\r\nx-lower: 1\r\nX-UPPER: 2\r\n/,
    )
    t.match((await curl('-i', 'https://api.acme.test/headers')).stdout, /x-lower: 1\r\nx-upper: 2/)
  })
})
