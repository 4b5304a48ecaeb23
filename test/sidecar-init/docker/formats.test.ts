import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import { folderOfVolume, parseInspection, volumesIn } from '../../../sidecar-init/docker/inspect.ts'
import { LogFrames } from '../../../sidecar-init/docker/log-frames.ts'
import { renderTar } from '../../../sidecar-init/docker/tar.ts'

t.test('renderTar(): what tar reads is what was put in', async t => {
  const files = [
    { name: 'ready', mode: 0o644, content: Buffer.from('02:01:0a:0b:0c:0d\n') },
    { name: 'wait', mode: 0o755, content: Buffer.alloc(512, 'x') },
    { name: 'empty', mode: 0o600, content: Buffer.alloc(0) },
    { name: 'bundle.pem', mode: 0o644, content: Buffer.alloc(70_001, 'é') },
  ]
  const archive = renderTar('run/tidegate', files)
  const listed = execFileSync('tar', ['-tvf', '-', '--numeric-owner'], { input: archive, encoding: 'utf8' })
  const lines = listed
    .trim()
    .split('\n')
    .map(line => line.split(/\s+/))
  t.strictSame(
    lines.map(words => [words[0], words[1], words[2], words.at(-1)]),
    [
      ['drwxr-xr-x', '0/0', '0', 'run/tidegate/'],
      ['-rw-r--r--', '0/0', '18', 'run/tidegate/ready'],
      ['-rwxr-xr-x', '0/0', '512', 'run/tidegate/wait'],
      ['-rw-------', '0/0', '0', 'run/tidegate/empty'],
      ['-rw-r--r--', '0/0', '70001', 'run/tidegate/bundle.pem'],
    ],
  )
  for (const { name, content } of files) {
    const read = execFileSync('tar', ['-xOf', '-', `run/tidegate/${name}`], { input: archive, maxBuffer: 1e6 })
    t.ok(read.equals(Buffer.from(content)), name)
  }
  t.throws(() => renderTar('run', [{ name: 'x'.repeat(100), mode: 0o644, content: Buffer.alloc(0) }]), RangeError)
})

t.test('LogFrames: the two streams, however the bytes are cut', async t => {
  const piece = fc.record({
    stream: fc.constantFrom<1 | 2>(1, 2),
    text: fc.string({ unit: 'binary-ascii', maxLength: 30 }),
  })
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.integer({ min: 1, max: 9 }), (pieces, cut) => {
      const bytes = Buffer.concat(
        pieces.flatMap(({ stream, text }) => {
          const header = Buffer.alloc(8)
          header[0] = stream
          header.writeUInt32BE(Buffer.byteLength(text), 4)
          return [header, Buffer.from(text)]
        }),
      )
      const frames = new LogFrames()
      const heard = { output: '', errors: '' }
      for (let at = 0; at < bytes.length; at += cut)
        for (const { stream, data } of frames.push(bytes.subarray(at, at + cut)))
          heard[stream] += data.toString('latin1')
      const told = (stream: 1 | 2): string => pieces.flatMap(it => (it.stream === stream ? [it.text] : [])).join('')
      return heard.output === told(1) && heard.errors === told(2)
    }),
  )
  t.pass('held for every way')
})

t.test('LogFrames: a frame that is longer than all memory is passed on as it comes', async t => {
  const frames = new LogFrames()
  t.strictSame(frames.push(Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])), [])
  const said = frames.push(Buffer.alloc(16_384, 'x'))
  t.strictSame(
    said.map(({ stream, data }) => [stream, data.length]),
    [['output', 16_384]],
  )
})

/** As an engine answers for `docker create --network none`, without what nobody reads. */
const plain = {
  Id: 'a'.repeat(64),
  Name: '/build',
  Image: 'sha256:1',
  State: { Status: 'created', StartedAt: '0001-01-01T00:00:00Z' },
  Config: { Labels: { 'tidegate.job': 'nightly' } },
  HostConfig: {
    NetworkMode: 'none',
    PidMode: '',
    IpcMode: 'private',
    UsernsMode: '',
    Privileged: false,
    CapAdd: null,
    Devices: null,
    SecurityOpt: null,
    MaskedPaths: ['/proc/kcore'],
  },
  Mounts: [],
}

t.test('parseInspection(): what an engine says of a container', async t => {
  t.match(parseInspection(plain), {
    name: 'build',
    state: 'created',
    labels: { 'tidegate.job': 'nightly' },
    mountPoints: [],
    networkNamespace: '',
  })
  const rich = parseInspection({
    ...plain,
    State: { Status: 'running', StartedAt: '2026-01-01T00:00:00Z' },
    NetworkSettings: { SandboxKey: '/var/run/docker/netns/0123456789ab' },
    HostConfig: {
      ...plain.HostConfig,
      CapAdd: ['CAP_NET_ADMIN'],
      Devices: [{ PathOnHost: '/dev/sda', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
      DeviceCgroupRules: ['b 8:0 r'],
      MaskedPaths: [],
      Tmpfs: { '/run': '' },
    },
    Mounts: [
      { Type: 'bind', Source: '/run', Destination: '/host', RW: false },
      { Type: 'volume', Name: 'v', Source: '/var/lib/docker/volumes/v/_data', Destination: '/cache', RW: true },
    ],
  })
  t.match(rich, {
    state: 'running',
    shape: {
      added: ['CAP_NET_ADMIN'],
      devices: ['/dev/sda'],
      deviceRules: ['b 8:0 r'],
      securityOptions: ['systempaths=unconfined'],
      mounts: [{ source: '/run', readOnly: true }],
    },
    mountPoints: ['/host', '/cache', '/run'],
  })
  for (const status of ['exited', 'dead', 'removing'])
    t.equal(parseInspection({ ...plain, State: { Status: status, StartedAt: '' } }).state, 'ended', status)
  t.throws(() => parseInspection({ ...plain, HostConfig: undefined }), { code: 'ENGINE_UNREACHABLE' })
})

t.test('parseInspection(): a volume that is a folder of the machine counts as one', async t => {
  const raw = { ...plain, Mounts: [{ Type: 'volume', Name: 'sock', Source: '/x', Destination: '/s', RW: true }] }
  t.strictSame(volumesIn(raw), ['sock'])
  t.equal(folderOfVolume({ Options: { type: 'none', o: 'bind', device: '/var/run' } }), '/var/run')
  t.equal(folderOfVolume({ Options: { type: 'tmpfs', device: 'tmpfs' } }), undefined)
  t.equal(folderOfVolume({ Options: null }), undefined)
  t.strictSame(parseInspection(raw).shape.mounts, [])
  t.strictSame(parseInspection(raw, new Map([['sock', '/var/run']])).shape.mounts, [
    { source: '/var/run', readOnly: false },
  ])
})
