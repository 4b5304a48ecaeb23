import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'

await t.test('the resolvers', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const { dns, host } = lab
  const dig = async (...args: readonly string[]) => (await host.exec('dig', ['+tries=1', '+timeout=1', ...args])).stdout
  const short = async (...args: readonly string[]) =>
    (await dig('+short', ...args))
      .trim()
      .split('\n')
      .filter(line => line !== '')

  await t.test('answer over UDP, TCP, TLS and HTTPS, and log each', async t => {
    await dns.clear()
    const resolver = '@198.51.100.53'
    for (const way of [[], ['+tcp'], ['+tls'], ['+https']])
      t.same(await short(resolver, ...way, 'api.acme.test'), ['198.51.100.10'], way.join(' '))
    t.same(await short('@2001:db8::53', 'api.acme.test', 'AAAA'), ['2001:db8::10'])
    t.same(
      (await dns.queries({ name: 'api.acme.test', type: 'A' })).map(({ transport }) => transport),
      ['udp', 'tcp', 'dot', 'doh'],
    )
  })

  await t.test('keep the spelling and the EDNS of what was asked', async t => {
    await dns.clear()
    await dig('+subnet=10.0.0.0/8', 'ApI.aCmE.tEsT')
    const [query] = await dns.queries()
    t.match(query, { name: 'api.acme.test', rawName: 'ApI.aCmE.tEsT', edns: { udpBytes: Number } })
    t.ok((query?.edns?.options.length ?? 0) > 0)
  })

  await t.test('follow aliases, know wildcards, say NXDOMAIN and NODATA with an SOA', async t => {
    t.same(await short('alias.acme.test'), ['api.acme.test.', '198.51.100.10'])
    await dns.set('*.wild.test', 'TXT', ['any'])
    t.same(await short('a.b.wild.test', 'TXT'), ['"any"'])
    t.match(await dig('nobody.acme.test'), /NXDOMAIN[\s\S]*AUTHORITY: 1[\s\S]*SOA/)
    t.match(await dig('v4.acme.test', 'AAAA'), /NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/)
  })

  await t.test('write every type a test may need', async t => {
    const records = [
      ['MX', '10 mail.types.test'],
      ['SRV', '1 2 443 srv.types.test'],
      ['NS', 'ns.types.test'],
      ['PTR', 'ptr.types.test'],
      ['TXT', 'x'.repeat(300)],
      ['HTTPS', '1 . alpn=h3,h2 port=8443 ipv4hint=192.0.2.1 ech=AEX+DQ== ipv6hint=2001:db8::1'],
    ] as const
    for (const [type, value] of records) {
      await dns.set('types.test', type, [value])
      t.match(await dig('types.test', type), new RegExp(`NOERROR[\\s\\S]*IN\\t${type}`), type)
    }
    await dns.set('types.test', 'NULL', [Buffer.from([1, 2, 3])])
    t.match(await dig('types.test', 'NULL'), '010203')
  })

  await t.test('change their answers in turn, with TTL 0', async t => {
    await dns.setInTurn('rebind.test', 'A', [['198.51.100.10'], ['127.0.0.1']])
    t.same(await short('rebind.test'), ['198.51.100.10'])
    t.same(await short('rebind.test'), ['127.0.0.1'])
    t.same(await short('rebind.test'), ['127.0.0.1'])
    t.match(await dig('rebind.test'), /rebind\.test\.\t+0\tIN/)
  })

  await t.test('fail as told', async t => {
    for (const failure of ['SERVFAIL', 'REFUSED', 'NXDOMAIN', 'FORMERR'] as const) {
      await dns.fail('api.acme.test', failure)
      t.match(await dig('api.acme.test'), `status: ${failure}`)
    }
    await dns.fail('api.acme.test', 'timeout')
    t.match(await dig('api.acme.test'), /timed out|no servers could be reached/)
    await dns.fail('api.acme.test', 'truncated')
    t.match(await dig('+ignore', 'api.acme.test'), /flags: [a-z ]*tc/)
    t.same(await short('api.acme.test'), ['198.51.100.10'], 'over TCP it is whole')
    await dns.fail('api.acme.test', 'garbage')
    t.notMatch(await dig('api.acme.test'), '198.51.100.10')
    await dns.fail('api.acme.test')
    t.same(await short('api.acme.test'), ['198.51.100.10'])
    await dns.remove('api.acme.test')
    t.match(await dig('api.acme.test'), 'NXDOMAIN')
  })

  await t.test('cut what does not fit over UDP', async t => {
    await dns.set('long.test', 'TXT', ['y'.repeat(2_000)])
    t.match(await dig('+noedns', '+ignore', 'long.test', 'TXT'), /flags: [a-z ]*tc/)
    t.equal((await short('+noedns', 'long.test', 'TXT')).join('').replaceAll(/[" ]/g, '').length, 2_000)
  })

  await t.test('of the attacker are everywhere else, and know every name', async t => {
    await lab.sink.clear()
    for (const resolver of ['@203.0.113.53', '@8.8.8.8', '@2001:db8:66::53'])
      for (const way of [[], ['+tcp'], ['+tls']])
        t.same(
          await short(resolver, ...way, 'c2VjcmV0.tunnel.test', 'TXT'),
          ['"answer-of-the-attacker"'],
          `${resolver} ${way.join('')}`,
        )
    t.equal((await dns.queries({ server: 'outside', under: 'tunnel.test' })).length, 9)
    t.ok(await lab.sink.contains('c2VjcmV0'))
    t.equal((await dns.queries({ server: 'lab', under: 'tunnel.test' })).length, 0)
  })

  await t.test('survive garbage', async t => {
    await host.exec('sh', [
      '-c',
      'for n in 1 2 20 500; do head -c $n /dev/urandom | socat -u - UDP:198.51.100.53:53; head -c $n /dev/urandom | socat -u - TCP:198.51.100.53:53; done',
    ])
    t.same(await short('files.acme.test'), ['198.51.100.10'])
  })
})
