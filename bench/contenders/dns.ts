import { writeFile } from 'node:fs/promises'
import type { Contender } from './contender.ts'
import { openDaemon, versionOf } from './daemon.ts'

/** Names below this are let through by all three DNS contenders; anything else is refused with NXDOMAIN. */
export const allowedZone = 'allowed.test'

/** dnsmasq with one zone forwarded and all else refused. */
export const dnsmasq: Contender = {
  name: 'dnsmasq',
  protocols: ['dns'],
  version: () => versionOf('dnsmasq', '-v'),
  open(rig) {
    const server = `--server=/${allowedZone}/${rig.lab.addresses.resolver.v4}`
    const options = '--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file='
    const listen = '--port=5301 --listen-address=192.0.2.241,192.0.2.10 --bind-interfaces'
    const sizes = '--cache-size=10000 --dns-forward-max=2000'
    const args = [...`${options} ${listen} ${sizes}`.split(' '), server, '--address=/#/']
    return openDaemon(rig, { name: 'dnsmasq', file: 'dnsmasq', args, serves: { dns: 5_301 } })
  },
}

/** unbound likewise, in one thread, without DNSSEC: the lab signs nothing. */
export const unbound: Contender = {
  name: 'unbound',
  protocols: ['dns'],
  version: () => versionOf('unbound', '-V'),
  async open(rig) {
    const folder = await rig.folder('unbound')
    await writeFile(
      `${folder}/unbound.conf`,
      `server:
  interface: 0.0.0.0
  port: 5302
  access-control: 0.0.0.0/0 allow
  num-threads: 1
  so-rcvbuf: 4m
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  do-ip6: no
  local-zone: "test." always_nxdomain
  local-zone: "${allowedZone}." transparent
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: ${rig.lab.addresses.resolver.v4}
`,
    )
    return openDaemon(rig, {
      name: 'unbound',
      file: 'unbound',
      args: ['-d', '-c', `${folder}/unbound.conf`],
      serves: { dns: 5_302 },
    })
  },
}
