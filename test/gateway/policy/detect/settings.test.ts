import t from 'tap'
import type { Machine } from '../../../../gateway/policy/detect/detector.ts'
import { quietMachine } from './quiet-machine.ts'
import { detected, linesOf } from './sample-projects.ts'

const settings: readonly [string, string, Machine, readonly string[]][] = [
  [
    'go: proxies, the checksum database and private modules',
    'go',
    quietMachine({
      answers: {
        'go env -json GOPROXY GOSUMDB GONOPROXY GONOSUMDB GOPRIVATE': JSON.stringify({
          GOPROXY: 'https://u:SECRET@go.acme.test/proxy|direct',
          GOSUMDB: 'sum.acme.test+abc123 https://sums.acme.test/db',
          GONOPROXY: '',
          GOPRIVATE: 'git.acme.*,vanity.acme.test',
        }),
      },
    }),
    [
      'GET https://git.acme.test/team/lib.git/info/refs # go.mod:6',
      'GET https://git.acme.test/team/lib/info/refs # go.mod:6',
      'GET,HEAD https://git.acme.test/team/lib # go.mod:6',
      'GET,HEAD https://git.acme.test/team/lib/v2 # go.mod:6',
      'GET,HEAD https://go.acme.test/proxy/** # go env GOPROXY GOSUMDB GONOPROXY',
      'GET,HEAD https://sums.acme.test/db/** # go env GOPROXY GOSUMDB GONOPROXY',
      'GET,HEAD https://vanity.acme.test/tool # go.mod:10',
      'POST https://git.acme.test/team/lib.git/git-upload-pack # go.mod:6',
      'POST https://git.acme.test/team/lib/git-upload-pack # go.mod:6',
    ],
  ],
  [
    'pip: an index of its settings and links of several lines',
    'pdm',
    quietMachine({
      answers: {
        'pip config list':
          "global.extra-index-url='\\nhttps://a.acme.test/simple\\nhttps://b.acme.test/simple'\nglobal.index-url='https://u:SECRET@pip.acme.test/simple'\n",
      },
    }),
    [
      'GET,HEAD https://a.acme.test/simple/** # pip config list',
      'GET,HEAD https://b.acme.test/simple/** # pip config list',
      'GET,HEAD https://pdm.acme.test/simple/** # pyproject.toml:3',
      'GET,HEAD https://pip.acme.test/simple/** # pip config list',
    ],
  ],
  [
    'maven: the repository of its super POM, when nothing mirrors it',
    'maven',
    quietMachine({
      answers: { 'mvn --version': 'Apache Maven 3\nMaven home: /opt/maven\n' },
      folders: { '/opt/maven/lib': ['a.jar', 'maven-model-builder-3.jar'] },
      files: {
        '/opt/maven/lib/maven-model-builder-3.jar!org/apache/maven/model/pom-4.0.0.xml':
          '<project><repositories><repository><url>https://central.acme.test/maven2</url></repository></repositories></project>',
      },
    }),
    [
      'GET,HEAD https://central.acme.test/maven2/** # org/apache/maven/model/pom-4.0.0.xml:1',
      'GET,HEAD https://dist.acme.test/maven/apache-maven-3.9.9-bin.zip # .mvn/wrapper/maven-wrapper.properties:1',
      'GET,HEAD https://nexus.acme.test/repository/maven/** # pom.xml:10',
      'GET,HEAD https://plugins.acme.test/maven2/** # pom.xml:14',
    ],
  ],
  [
    'cargo: where its registry keeps crates, by the index it has used',
    'cargo',
    quietMachine({
      folders: { '~/.cargo/registry/index': ['cargo.acme.test-0123456789abcdef', 'unused.acme.test-0123456789abcdef'] },
      files: {
        '~/.cargo/registry/index/cargo.acme.test-0123456789abcdef/config.json':
          '{"dl":"https://crates.acme.test/files/{crate}"}',
        '~/.cargo/registry/index/unused.acme.test-0123456789abcdef/config.json': '{"dl":"https://unused.acme.test/dl"}',
      },
    }),
    [
      'GET https://git.acme.test/team/crate-index.git/info/refs # .cargo/config.toml:8',
      'GET https://git.acme.test/team/tool.git/info/refs # Cargo.lock:11 Cargo.toml:7',
      'GET,HEAD https://cargo.acme.test/index/** # .cargo/config.toml:5',
      'GET,HEAD https://crates.acme.test/files/** # ~/.cargo/registry/index/cargo.acme.test-0123456789abcdef/config.json:1',
      'POST https://git.acme.test/team/crate-index.git/git-upload-pack # .cargo/config.toml:8',
      'POST https://git.acme.test/team/tool.git/git-upload-pack # Cargo.lock:11 Cargo.toml:7',
    ],
  ],
  [
    'git: insteadOf of the user',
    'git',
    quietMachine({
      files: {
        '~/.gitconfig':
          '[url "https://mirror.acme.test/"]\n\tinsteadOf = https://git.acme.test/\n\tinsteadOf = https://git\n',
      },
    }),
    [
      'GET https://mirror.acme.test/team/lib.git/info/refs # .gitmodules:3',
      'POST https://mirror.acme.test/team/lib.git/git-upload-pack # .gitmodules:3',
      'POST https://mirror.acme.test/team/lib.git/info/lfs/objects/batch # .gitmodules:3',
      'tcp://ssh.acme.test:22 # .gitmodules:6',
    ],
  ],
]
for (const [name, project, machine, expected] of settings) {
  t.test(`detectNeeds(): reads the machine's settings, ${name}`, async t => {
    t.strictSame(linesOf(await detected(project, machine)), expected)
  })
}
