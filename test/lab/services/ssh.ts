import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { addresses } from '../addresses.ts'
import { runChecked } from '../program.ts'
import { startDaemon } from './daemon.ts'
import type { ServiceContext } from './start.ts'

/** OpenSSH with keys of its own: `ssh/id` logs in as root, `ssh/known_hosts` knows the server. */
export async function startSsh({ config, pids }: ServiceContext): Promise<void> {
  const dir = `${config.dir}/ssh`
  mkdirSync(dir, { mode: 0o700 })
  // sshd insists on its privilege separation folder.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  await Promise.all(
    ['host', 'id'].map(name =>
      runChecked('/usr/bin/ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', `lab ${name}`, '-f', `${dir}/${name}`]),
    ),
  )
  const [type = '', key = ''] = readFileSync(`${dir}/host.pub`, 'utf8').split(' ')
  writeFileSync(
    `${dir}/known_hosts`,
    ['ssh.acme.test', addresses.ssh.v4, addresses.ssh.v6].map(name => `${name} ${type} ${key}\n`).join(''),
  )
  writeFileSync(`${dir}/sshd_config`, renderSshd(dir))
  pids['ssh'] = await startDaemon({
    file: '/usr/sbin/sshd',
    args: ['-D', '-e', '-f', `${dir}/sshd_config`],
    address: addresses.ssh.v4,
    port: 22,
  })
}

function renderSshd(dir: string): string {
  return `ListenAddress ${addresses.ssh.v4}:22
ListenAddress [${addresses.ssh.v6}]:22
HostKey ${dir}/host
AuthorizedKeysFile ${dir}/id.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
UseDNS no
Subsystem sftp internal-sftp
LogLevel ERROR
`
}
