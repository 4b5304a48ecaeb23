import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { forbiddenCapabilities } from '../../gateway/container/capabilities.ts'
import { renderGateScript } from '../../gateway/container/gate-script.ts'
import { register, remove } from '../lab/leftovers.ts'
import { type Namespace, namespaceNamed } from '../lab/namespace.ts'
import { runProgram } from '../lab/program.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { onlyWith, sidecarInit } from './link-rig.ts'

t.setTimeout(180_000)
const skip = whyNoLab()
const mac = '02:01:0a:0b:0c:0d'
const held = ['chown', 'setuid', 'setgid', 'net_raw'] as const

/** A container's network namespace with a wire, and the folder that the gateway shows it. */
interface Place extends AsyncDisposable {
  readonly job: Namespace
  readonly elsewhere: Namespace
  readonly folder: string
  prove(text?: string): void
}

async function openPlace(): Promise<Place> {
  const id = randomBytes(3).toString('hex')
  const [name, other] = [`tggt-${id}`, `tgge-${id}`]
  const folder = mkdtempSync('/tmp/tidegate-gate-')
  chmodSync(folder, 0o755)
  const belongings = register(`gate-${id}`, [name, other], folder)
  const env = { PATH: process.env['PATH'] ?? '' }
  for (const it of [name, other]) await runProgram('/usr/sbin/ip', ['netns', 'add', it])
  const job = namespaceNamed(name, env)
  await job.exec('ip', ['link', 'add', 'eth0', 'address', mac, 'type', 'veth', 'peer', 'name', 'gone0'])
  writeFileSync(`${folder}/wait`, renderGateScript(), { mode: 0o755 })
  const trust = { SSL_CERT_FILE: '/run/tidegate/bundle.pem', JAVA_TOOL_OPTIONS: '-Dours', HTTP_PROXY: null }
  writeFileSync(`${folder}/env.json`, JSON.stringify(trust))
  const lines = [
    "export SSL_CERT_FILE='/run/tidegate/bundle.pem'",
    "export JAVA_TOOL_OPTIONS='-Dours'",
    'unset HTTP_PROXY',
  ]
  writeFileSync(`${folder}/env`, `${lines.join('\n')}\n`)
  return {
    job,
    elsewhere: namespaceNamed(other, env),
    folder,
    prove: (text = `${mac}\n`) => writeFileSync(`${folder}/ready`, text),
    async [Symbol.asyncDispose]() {
      await remove(belongings)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Each way to the gate, as the words before its options. */
const gates: readonly (readonly [name: string, words: (place: Place) => readonly string[], keepsOddNames: boolean])[] =
  [
    ['wait, as sh', ({ folder }) => ['sh', `${folder}/wait`], false],
    ['wait, as bash', ({ folder }) => ['bash', `${folder}/wait`], true],
    ...(existsSync('/bin/busybox')
      ? [['wait, as busybox', ({ folder }: Place) => ['busybox', 'sh', `${folder}/wait`], false] as const]
      : []),
    ['sidecar-init wait', ({ folder }) => [sidecarInit, 'wait', '--folder', folder], true],
  ]

for (const [name, words, keepsOddNames] of gates) {
  const behind = async (
    place: Place,
    args: readonly string[],
    options: { readonly capabilities?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
  ) => {
    const [file = '', ...rest] = [...onlyWith(...(options.capabilities ?? held)), ...words(place), ...args]
    return place.job.exec(file, rest, options.env === undefined ? {} : { env: options.env })
  }

  t.test(`${name}: becomes the command when the wire is proved`, { skip }, async t => {
    await using place = await openPlace()
    place.prove()
    const env = {
      JAVA_TOOL_OPTIONS: '-Dyours',
      HTTP_PROXY: 'http://proxy.test:3128',
      NODE_ENV: 'production',
      name: 'kept',
      'INPUT_DRY-RUN': 'yes',
    }
    const shown = await behind(place, ['--', 'env'], { env })
    t.equal(shown.exitCode, 0, shown.stderr)
    const lines = shown.stdout.split('\n')
    for (const line of [
      'SSL_CERT_FILE=/run/tidegate/bundle.pem',
      'JAVA_TOOL_OPTIONS=-Dyours -Dours',
      'NODE_ENV=production',
      'name=kept',
    ])
      t.ok(lines.includes(line), line)
    t.strictSame(
      lines
        .map(line => line.split('=')[0] ?? '')
        .filter(it => /^(?:HTTP_PROXY|tidegate_.*|java|set|seen|device)$/i.test(it)),
      [],
    )
    t.equal(lines.includes('INPUT_DRY-RUN=yes'), keepsOddNames, 'names that are no words are for bash and for us')
    const plain = await behind(place, ['--no-env', '--', 'env'], { env })
    t.match(plain.stdout, /^JAVA_TOOL_OPTIONS=-Dyours$/m)
    t.notMatch(plain.stdout, /SSL_CERT_FILE/)

    const words = await behind(place, [
      '--timeout',
      '5',
      '--',
      'sh',
      '-c',
      'printf "%s|" "$@"; exit 77',
      'x',
      'a b',
      '--timeout',
      '',
      '*',
    ])
    t.match(words, { exitCode: 77, stdout: 'a b|--timeout||*|' })
    const ignored = ['grep', 'SigIgn', '/proc/self/status']
    const without = await place.job.exec('grep', ignored.slice(1))
    t.equal((await behind(place, ['--', ...ignored])).stdout, without.stdout, 'nothing is ignored that was not')
    const own = await behind(place, ['--', 'sh', '-c', 'echo $$ $PPID'])
    t.equal(own.exitCode, 0)
  })

  t.test(`${name}: waits for the wire of this run`, { skip }, async t => {
    await using place = await openPlace()
    const early = await behind(place, ['--timeout', '1', '--', 'echo', 'started'])
    t.match(early, { exitCode: 125, stdout: '', stderr: /not proved within 1 s/ })
    for (const stale of ['02:01:0a:0b:0c:0e\n', '\n', '']) {
      place.prove(stale)
      t.match(
        await behind(place, ['--timeout', '1', '--', 'echo', 'started']),
        { exitCode: 125, stdout: '' },
        JSON.stringify(stale),
      )
    }
    const waiting = behind(place, ['--timeout', '20', '--', 'echo', 'started'])
    place.prove()
    t.match(await waiting, { exitCode: 0, stdout: 'started\n' })
    await place.job.exec('ip', ['link', 'delete', 'eth0'])
    t.match(
      await behind(place, ['--timeout', '1', '--', 'echo', 'started']),
      { exitCode: 125, stdout: '' },
      'a wire that is gone',
    )
  })

  t.test(`${name}: refuses a container that could leave its wire`, { skip }, async t => {
    await using place = await openPlace()
    place.prove()
    for (const capability of Object.keys(forbiddenCapabilities)) {
      const refused = await behind(place, ['--', 'echo', 'started'], {
        capabilities: [...held, capability.toLowerCase()],
      })
      t.match(refused, { exitCode: 125, stdout: '', stderr: new RegExp(`has ${capability}, `) })
      t.equal(refused.stderr.trim().split('\n').length, 1, refused.stderr)
    }
    // Another user has no capability, but what it starts by sudo would.
    const nobody = '--bounding-set=-all,+net_admin --reuid=65534 --clear-groups --inh-caps=-all --'.split(' ')
    const asNobody = await place.job.exec('setpriv', [...nobody, ...words(place), '--', 'echo', 'started'])
    t.match(asNobody, { exitCode: 125, stdout: '', stderr: /has NET_ADMIN, / }, asNobody.stderr)
  })

  t.test(`${name}: refuses an engine’s socket, unless the engine is in the job’s own network`, { skip }, async t => {
    await using place = await openPlace()
    place.prove()
    const gate = [...onlyWith(...held), ...words(place), '--', 'echo', 'started'].join(' ')
    const see = async (listener: Namespace) => {
      // A /run of its own, as a container has; the listener's namespace is opened before that is out of sight.
      const listen =
        'socat UNIX-LISTEN:/run/docker.sock PIPE & l=$!; for i in $(seq 200); do [ -S /run/docker.sock ] && break; sleep 0.05; done'
      const script = `exec 9</run/netns/${listener.name}; mount -t tmpfs none /run; nsenter --net=/proc/self/fd/9 ${listen}; exec 9<&-; ${gate}; code=$?; kill $l; exit $code`
      return place.job.exec('unshare', ['-m', 'sh', '-c', script])
    }
    const outside = await see(place.elsewhere)
    t.match(
      outside,
      { exitCode: 125, stdout: '', stderr: /engine.s socket, \/(?:var\/)?run\/docker\.sock/ },
      outside.stderr,
    )
    const inside = await see(place.job)
    t.match(inside, { exitCode: 0, stdout: 'started\n' }, inside.stderr)
  })

  t.test(`${name}: a wrong usage is exit code 2`, { skip }, async (t: Test) => {
    await using place = await openPlace()
    place.prove()
    for (const args of [
      [],
      ['--'],
      ['--timeout', '0', '--', 'true'],
      ['--timeout', 'soon', '--', 'true'],
      ['--timeout', '999999', '--', 'true'],
      ['--tiemout', '--', 'true'],
      ['--timeout'],
    ])
      t.match(await behind(place, args), { exitCode: 2, stdout: '' }, JSON.stringify(args))
    t.match(await behind(place, ['--', '/nonexistent/tool']), { exitCode: 127 })
    t.match(await behind(place, ['--', '/tmp']), { exitCode: 126 })
  })
}
