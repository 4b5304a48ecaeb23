import t from 'tap'
import { findDoors, namedSockets } from '../../sidecar-init/doors.ts'
import { aliasesOf, networkFileSystems, parseMounts } from '../../sidecar-init/mount-table.ts'

t.test('namedSockets(): what variables name, in each spelling', async t => {
  t.strictSame(
    namedSockets({
      DOCKER_HOST: 'unix:///srv/docker.sock',
      DBUS_SESSION_BUS_ADDRESS: 'unix:path=/srv/bus,guid=7;unix:/srv/other',
      CONTAINERD_ADDRESS: '/srv/containerd.sock',
      PATH: '/usr/bin:/bin',
      TERM: 'xterm',
      EMPTY: undefined,
    }),
    ['/srv/docker.sock', '/srv/bus', '/srv/other', '/srv/containerd.sock'],
  )
})

const mounts = parseMounts(
  [
    '20 1 8:1 / / rw,relatime - ext4 /dev/a rw',
    '21 20 0:22 / /run rw shared:5 - tmpfs tmpfs rw',
    '22 20 0:22 / /srv/root/run rw - tmpfs tmpfs rw',
    '23 20 0:22 /user/7 /srv/with\\040blank rw - tmpfs tmpfs rw',
    '24 20 8:1 /srv /mnt rw - ext4 /dev/a rw',
    '25 20 0:22 /docker.sock /docker.sock rw - tmpfs tmpfs rw',
  ].join('\n'),
)

t.test('aliasesOf(): every other mount that shows the file', async t => {
  const cases: readonly (readonly [path: string, aliases: readonly string[]])[] = [
    ['/run/docker.sock', ['/srv/root/run/docker.sock', '/docker.sock']],
    ['/run/user/7/bus', ['/srv/root/run/user/7/bus', '/srv/with blank/bus']],
    ['/srv/with blank/bus', ['/run/user/7/bus', '/srv/root/run/user/7/bus']],
    ['/srv/x.sock', ['/mnt/x.sock']],
    ['/opt/x.sock', []],
    ['/docker.sock', ['/run/docker.sock', '/srv/root/run/docker.sock']],
  ]
  for (const [path, aliases] of cases) t.strictSame(aliasesOf(path, mounts), aliases, path)
})

t.test('parseMounts(): what is no line of it is left out', async t => {
  t.strictSame(parseMounts('\nnonsense\n1 2 3 - x\n'), [])
})

t.test('networkFileSystems(): those whose files lie on another machine', async t => {
  const table = parseMounts(
    [
      '20 1 8:1 / / rw,relatime - ext4 /dev/a rw',
      '21 20 0:40 / /home rw - nfs4 files.acme.test:/home rw,vers=4.2',
      '22 20 0:41 / /srv/share rw - cifs //files.acme.test/share rw',
      '23 20 0:42 / /srv/far rw - fuse.sshfs build@files.acme.test: rw',
      '24 20 0:43 / /srv/near rw - fuse.fuse-overlayfs fuse-overlayfs rw',
    ].join('\n'),
  )
  t.strictSame(
    networkFileSystems(table).map(({ point }) => point),
    ['/home', '/srv/share', '/srv/far'],
  )
})

t.test('findDoors(): a map of all hosts is a folder to hide, and other maps are not', async t => {
  const [net, home] = [t.testdir({ net: {}, home: {} })].flatMap(dir => [`${dir}/net`, `${dir}/home`])
  const maps = parseMounts(`30 20 0:50 / ${net} rw - autofs -hosts rw\n31 20 0:51 / ${home} rw - autofs auto.home rw`)
  const { folders } = findDoors({ kept: [], environment: {}, mounts: maps })
  t.ok(folders.includes(net ?? ''))
  t.notOk(folders.includes(home ?? ''))
})
