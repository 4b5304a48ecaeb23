import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { checkCompose, isComposeFile } from '../../../gateway/container/compose-check.ts'

/** A build behind its gateway as it should be; `build`, `gateway` and `more` are lines added there. */
function project(parts: { build?: string; net?: string; init?: string; gateway?: string; more?: string } = {}): string {
  return `services:
  net:
    image: pause
    network_mode: none${parts.net ?? ''}
  gateway:
    image: tidegate
    cap_add: [NET_ADMIN]
    volumes: [control:/run/tidegate-control, 'run:/run/tidegate', './policy.yaml:/etc/tidegate/policy.yaml:ro']${parts.gateway ?? ''}
  init:
    image: tidegate
    command: [sidecar-init, link, --job, build, --stay]${
      parts.init ??
      `
    network_mode: service:net
    pid: service:gateway
    cap_add: [NET_ADMIN]`
    }
  build:
    image: node
    network_mode: service:net
    depends_on: { init: { condition: service_healthy } }${parts.build ?? ''}
${parts.more ?? ''}`
}

/** Findings as `CODE LINE:COLUMN`, an error with `!`. */
function found(text: string): readonly string[] {
  return checkCompose(text, 'compose.yaml').map(
    ({ severity, code, line, column }) => `${code}${severity === 'error' ? '!' : ''} ${line}:${column}`,
  )
}

const inBuild: readonly (readonly [sentence: string, lines: string, expected: readonly string[]])[] = [
  ['nothing else', '', []],
  ['privileged', 'privileged: true', ['UNSAFE_CONTAINER! 19:17']],
  ['not privileged', 'privileged: false', []],
  ['privileged, by a default', 'privileged: ${PRIVILEGED:-true}', ['UNSAFE_CONTAINER! 19:17']],
  ['NET_ADMIN', 'cap_add: [CHOWN, NET_ADMIN]', ['UNSAFE_CONTAINER! 19:22']],
  ['sys_admin in another spelling', 'cap_add:\n      - cap_sys_admin', ['UNSAFE_CONTAINER! 20:9']],
  ['every capability', 'cap_add: [ALL]', ['UNSAFE_CONTAINER! 19:15']],
  ['harmless capabilities', 'cap_add: [SYS_PTRACE, SYS_NICE]', []],
  ['the machine’s pids', 'pid: host', ['UNSAFE_CONTAINER! 19:10']],
  ['the machine’s memory', 'ipc: host', ['UNSAFE_CONTAINER! 19:10']],
  ['the machine’s users', 'userns_mode: host', ['UNSAFE_CONTAINER! 19:18']],
  ['the engine’s socket', 'volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]', ['UNSAFE_CONTAINER! 19:15']],
  [
    'the engine’s socket, written out',
    'volumes:\n      - type: bind\n        source: /run/docker.sock\n        target: /s',
    ['UNSAFE_CONTAINER! 21:17'],
  ],
  ['a folder with the socket', 'volumes: [./a:/a, /run:/host]', ['UNSAFE_CONTAINER! 19:23']],
  ['the engine’s API', 'use_api_socket: true', ['UNSAFE_CONTAINER! 19:21']],
  ['the machine’s root', 'volumes: [/:/host:ro]', ['UNSAFE_CONTAINER! 19:15']],
  ['the machine’s settings', 'volumes: [/etc:/host]', ['UNSAFE_CONTAINER! 19:15']],
  ['the machine’s settings to read', 'volumes: [/etc:/host:ro]', []],
  ['a workspace', 'volumes: [./src:/workspace, cache:/cache, /tmp/x:/x, /data]', []],
  ['a disk', 'devices: [/dev/sda:/dev/xvdc:rwm]', ['UNSAFE_CONTAINER! 19:15']],
  ['a virtual machine', 'devices: [/dev/kvm, "/dev/fuse"]', []],
  ['any block device', 'device_cgroup_rules: ["c 10:200 rwm", "b 8:0 rwm"]', ['UNSAFE_CONTAINER! 19:43']],
  ['unmasked paths', 'security_opt: ["systempaths:unconfined"]', ['UNSAFE_CONTAINER! 19:20']],
  ['networks', 'networks: [default]', ['OWN_NETWORK! 19:5']],
  ['the control socket', 'volumes: [control:/c:ro]', ['UNSAFE_CONTAINER! 19:15']],
  ['the control folder', 'volumes: [other:/run/tidegate-control]', ['UNSAFE_CONTAINER! 19:15']],
  ['the gateway’s files', 'volumes: [run:/run/tidegate]', ['UNSAFE_CONTAINER! 19:15']],
  ['the gateway’s files to read', 'volumes: [run:/run/tidegate:ro]', []],
  ['the folder of its own policy', 'volumes: [.:/workspace]', ['UNSAFE_CONTAINER 19:15']],
  ['the same, covered', 'volumes: [.:/workspace, ./policy.yaml:/workspace/policy.yaml:ro]', []],
  ['another file’s service', 'extends: { file: base.yaml, service: x }', ['UNSEEN 19:22']],
]
// N10, N13: what a build could leave its wire with is told before anything runs.
for (const [sentence, lines, expected] of inBuild) {
  t.test(`checkCompose(): a build with ${sentence}`, async t => {
    t.strictSame(found(project({ build: lines === '' ? '' : `\n    ${lines}` })), expected)
  })
}

const projects: readonly (readonly [sentence: string, text: string, expected: readonly string[]])[] = [
  [
    'the job’s network is a bridge',
    project().replace('network_mode: none', 'networks: [default]'),
    ['OWN_NETWORK! 2:3', 'OWN_NETWORK! 4:5'],
  ],
  [
    'the job’s network is the machine’s',
    project().replace('network_mode: none', 'network_mode: host'),
    ['OWN_NETWORK! 4:19'],
  ],
  [
    'an init without all it needs',
    project({ init: '' }),
    ['INIT_INCOMPLETE! 9:3', 'INIT_INCOMPLETE! 9:3', 'INIT_INCOMPLETE! 9:3'],
  ],
  ['a build that does not wait', project().replace('service_healthy', 'service_started'), ['NOT_GATED 15:3']],
  [
    'a build at its gate',
    project({ build: '\n    entrypoint: [/run/tidegate/wait, --]' }).replace('service_healthy', 'service_started'),
    [],
  ],
  [
    'a database that starts as it likes',
    project({ more: '  db: { image: postgres, network_mode: "service:net" }\n' }),
    ['NOT_GATED 19:3'],
  ],
  [
    'a privileged database',
    project({
      more: '  db: { image: postgres, network_mode: "service:net", privileged: true, depends_on: { init: { condition: service_completed_successfully } } }\n',
    }),
    ['UNSAFE_CONTAINER! 19:67'],
  ],
  [
    'a service in the gateway’s network',
    project({ more: '  spy: { image: x, network_mode: "service:gateway" }\n' }),
    ['OWN_NETWORK! 19:34'],
  ],
  [
    'a service among the gateway’s processes',
    project({ more: '  spy: { image: x, pid: "service:gateway" }\n' }),
    ['UNSAFE_CONTAINER! 19:25'],
  ],
  [
    'a build that waits for the wire and is not on it',
    project().replace('    network_mode: service:net\n    depends_on', '    depends_on'),
    ['NOT_GATED 2:3', 'OWN_NETWORK! 15:3'],
  ],
  [
    'a service that has nothing to do with it',
    project({ more: '  web: { image: nginx, privileged: true, networks: [default] }\n' }),
    [],
  ],
  [
    'a labelled container for the watcher',
    'services:\n  job:\n    image: x\n    labels: [tidegate.job=nightly]\n    privileged: true\n',
    ['OWN_NETWORK! 2:3', 'UNSAFE_CONTAINER! 5:17'],
  ],
  [
    'a labelled container as it should be',
    'services:\n  job: { image: x, labels: { tidegate.job: nightly }, network_mode: none }\n',
    [],
  ],
  [
    'a volume that is the machine’s folder',
    project({
      build: '\n    volumes: [sock:/run]',
      more: 'volumes:\n  sock: { driver_opts: { type: none, o: bind, device: /var/run } }\n',
    }),
    ['UNSAFE_CONTAINER! 19:15'],
  ],
  [
    'keys that are merged in',
    `x-all: &all { privileged: true }\n${project({ build: '\n    <<: *all' })}`,
    ['UNSAFE_CONTAINER! 1:27'],
  ],
  [
    'keys that stand over what is merged',
    `x-all: &all { privileged: true }\n${project({ build: '\n    <<: [*all]\n    privileged: false' })}`,
    [],
  ],
  [
    'a build that is its own network, at its gate',
    'services:\n  gateway: { image: t }\n  init: { command: sidecar-init link --job a, network_mode: "service:build", pid: "service:gateway", cap_add: [NET_ADMIN] }\n  build: { image: x, network_mode: none, command: [sidecar-init, wait, --, make] }\n',
    [],
  ],
  [
    'the same without a gate',
    'services:\n  gateway: { image: t }\n  init: { command: sidecar-init link --job a, network_mode: "service:build", pid: "service:gateway", cap_add: [NET_ADMIN] }\n  build: { image: x, network_mode: none, command: [make] }\n',
    ['NOT_GATED 4:3'],
  ],
  [
    'a file that is merged over another',
    'services:\n  build: { command: x }\n  db: { image: y, network_mode: "service:net", cap_add: [NET_ADMIN] }\n',
    ['UNSAFE_CONTAINER! 3:58'],
  ],
  ['no YAML', 'services:\n  a: [\n', ['YAML! 3:1']],
  ['services of another kind', 'services: [a, b]\n', []],
  [
    'a file that merges itself',
    'services: &s\n  a: &a { <<: *a, command: [sidecar-init, link] }\n',
    ['INIT_INCOMPLETE! 2:3', 'INIT_INCOMPLETE! 2:3', 'INIT_INCOMPLETE! 2:3'],
  ],
]
// N20: a build that starts first.
for (const [sentence, text, expected] of projects) {
  t.test(`checkCompose(): ${sentence}`, async t => {
    t.strictSame(found(text), expected)
  })
}

t.test('isComposeFile(): tells compose files from policies', async t => {
  t.ok(isComposeFile(project()))
  t.ok(isComposeFile('name: x\n"services": {}\n'))
  t.notOk(isComposeFile('version: 1\nmode: block\nallow: [services.example.com]\n'))
  t.notOk(isComposeFile('version: 1\nmode: block\nnote: |\n  services: none\n'))
  t.notOk(isComposeFile('- services: x\n'))
  t.notOk(isComposeFile(''))
})

t.test('checkCompose(): a sentence and a remedy, and the name of the service', async t => {
  const [finding] = checkCompose(project({ build: '\n    privileged: true' }), 'x.yaml')
  t.match(finding, { file: 'x.yaml', what: 'build is privileged', fix: /\S/ })
})

t.test('checkCompose(): our own compose files have no errors', async t => {
  const root = fileURLToPath(new URL('../../../compose/', import.meta.url))
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name =>
    /compose[^/]*\.ya?ml$/.test(name),
  )
  t.ok(files.length > 0, `${files.length} files`)
  for (const name of files) {
    const errors = checkCompose(readFileSync(root + name, 'utf8'), name).filter(({ severity }) => severity === 'error')
    t.strictSame(errors, [], name)
  }
})
