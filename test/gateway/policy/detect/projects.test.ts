import t from 'tap'
import { detectNeeds, isWanted } from '../../../../gateway/policy/detect/detect.ts'
import { defaultBounds, readProject } from '../../../../gateway/policy/detect/project-files.ts'
import { gatherFindings, renderDetection } from '../../../../gateway/policy/detect/render.ts'
import { parsePolicy } from '../../../../gateway/policy/document-parse.ts'
import { readUse } from '../../../../gateway/policy/load.ts'
import { quietMachine } from './quiet-machine.ts'
import { detected, fixtures, linesOf } from './sample-projects.ts'

function gitLines(url: string, places: string): readonly string[] {
  return [`GET ${url}/info/refs # ${places}`, `POST ${url}/git-upload-pack # ${places}`]
}

const image = (host: string, name: string, places: string, ping = places): readonly string[] => [
  `GET,HEAD https://${host}/v2/ # ${ping}`,
  `GET,HEAD https://${host}/v2/${name}/** # ${places}`,
]

const cases: readonly [string, readonly string[]][] = [
  [
    'npm',
    [
      'GET,HEAD https://files.acme.test/blobs/blob-2.0.0.tgz # package.json:7',
      'GET,HEAD https://npm.acme.test/repository/npm/** # .npmrc:2 package-lock.json:8',
      'GET,HEAD https://npm.corp.test/** # .npmrc:3 package-lock.json:12',
      'GET,HEAD https://registry.other.test/** # package-lock.json:16',
      'POST https://npm.acme.test/repository/npm/-/npm/v1/security/advisories/bulk # .npmrc:2',
      'POST https://npm.acme.test/repository/npm/-/npm/v1/security/audits/quick # .npmrc:2',
      ...gitLines('https://git.acme.test/team/tool.git', 'package.json:6'),
      'tcp://git.acme.test:22 # package-lock.json:19',
    ],
  ],
  [
    'yarn-classic',
    ['GET,HEAD https://npm.corp.test/** # .yarnrc:3', 'GET,HEAD https://yarn.acme.test/npm/** # .yarnrc:2 yarn.lock:5'],
  ],
  [
    'yarn-berry',
    [
      'GET,HEAD https://berry.acme.test/npm/** # .yarnrc.yml:1',
      'GET,HEAD https://npm.corp.test/** # .yarnrc.yml:4',
      ...gitLines('https://git.acme.test/team/tool.git', 'yarn.lock:6'),
    ],
  ],
  [
    'pnpm',
    [
      'GET,HEAD https://files.acme.test/blobs/blob-2.0.0.tgz # pnpm-lock.yaml:6',
      'GET,HEAD https://npm.acme.test/** # .npmrc:1',
    ],
  ],
  [
    'bun',
    [
      'GET,HEAD https://bun.acme.test/npm/** # bun.lock:4 bunfig.toml:2',
      'GET,HEAD https://npm.corp.test/** # bunfig.toml:5',
    ],
  ],
  [
    'python',
    [
      'GET,HEAD https://extra.acme.test/simple/** # requirements.txt:3',
      'GET,HEAD https://files.acme.test/things/thing-1.0.tar.gz # pyproject.toml:5',
      'GET,HEAD https://files.acme.test/wheels/wheel-1.0-py3-none-any.whl # requirements.txt:6',
      'GET,HEAD https://files.uv.test/packages/** # uv.lock:7',
      'GET,HEAD https://pypi.acme.test/simple/** # requirements.txt:2',
      'GET,HEAD https://torch.acme.test/whl/cpu/** # pyproject.toml:13',
      'GET,HEAD https://uv.acme.test/simple/** # pyproject.toml:9 uv.lock:6',
      ...gitLines('https://git.acme.test/team/other', 'pyproject.toml:16'),
      ...gitLines('https://git.acme.test/team/tool.git', 'requirements.txt:5'),
    ],
  ],
  [
    'poetry',
    [
      'GET,HEAD https://poetry.acme.test/simple/** # pyproject.toml:9 poetry.lock:7',
      'tcp://git.acme.test:2222 # pyproject.toml:5',
    ],
  ],
  ['pdm', ['GET,HEAD https://pdm.acme.test/simple/** # pyproject.toml:3']],
  [
    'maven',
    [
      'GET,HEAD https://dist.acme.test/maven/apache-maven-3.9.9-bin.zip # .mvn/wrapper/maven-wrapper.properties:1',
      'GET,HEAD https://nexus.acme.test/repository/maven/** # pom.xml:10',
      'GET,HEAD https://plugins.acme.test/maven2/** # pom.xml:14',
    ],
  ],
  [
    'gradle',
    [
      'GET,HEAD https://dist.acme.test/gradle-8.10-bin.zip # gradle/wrapper/gradle-wrapper.properties:1',
      'GET,HEAD https://gradle.acme.test/maven/** # build.gradle:4',
      'GET,HEAD https://kotlin.acme.test/maven/** # settings.gradle.kts:3',
    ],
  ],
  ['go', []],
  [
    'cargo',
    [
      'GET,HEAD https://cargo.acme.test/index/** # .cargo/config.toml:5',
      ...gitLines('https://git.acme.test/team/crate-index.git', '.cargo/config.toml:8'),
      ...gitLines('https://git.acme.test/team/tool.git', 'Cargo.lock:11 Cargo.toml:7'),
    ],
  ],
  [
    'nuget',
    [
      'GET,HEAD https://feeds.acme.test/org/** # nuget.config:6',
      'GET,HEAD https://nuget.acme.test/repository/nuget/** # nuget.config:5',
    ],
  ],
  [
    'bundler',
    [
      'GET,HEAD https://gems.acme.test/** # Gemfile:1 Gemfile.lock:6',
      'GET,HEAD https://mirror.acme.test/gems/** # .bundle/config:2',
      ...gitLines('https://git.acme.test/team/tool', 'Gemfile.lock:2'),
      ...gitLines('https://git.acme.test/team/tool.git', 'Gemfile:3'),
    ],
  ],
  [
    'composer',
    [
      'GET,HEAD https://dist.acme.test/acme/thing/** # composer.lock:6',
      'GET,HEAD https://php.acme.test/packagist/** # composer.json:3',
      ...gitLines('https://git.acme.test/team/php.git', 'composer.json:4'),
      ...gitLines('https://git.acme.test/team/thing.git', 'composer.lock:5'),
    ],
  ],
  [
    'docker',
    [
      'GET,HEAD https://files.acme.test/data/set.csv # Dockerfile:10',
      'GET,HEAD https://files.acme.test/tool/1.2/tool.tgz # Dockerfile:5',
      'GET,HEAD https://pypi.acme.test/simple/** # Dockerfile:16',
      ...image('registry.acme.test', 'docker/dockerfile', 'Dockerfile:1', 'Dockerfile:1 Dockerfile:5 Dockerfile:12'),
      'GET,HEAD https://registry.acme.test/v2/tools/lint/** # Dockerfile:5',
      'GET,HEAD https://registry.acme.test/v2/tools/tini/** # Dockerfile:12',
      ...image('registry.acme.test:5000', 'base/node', 'Dockerfile:4'),
      ...gitLines('https://git.acme.test/team/tool', 'Dockerfile:5'),
      'use docker-hub # Dockerfile:9',
    ],
  ],
  ['compose', [...image('registry.acme.test', 'db/postgres', 'compose.yaml:3'), 'use docker-hub # compose.yaml:8']],
  [
    'ci',
    [
      'GET,HEAD https://files.acme.test/ci/tool.sh # .github/workflows/build.yml:12',
      ...image(
        'registry.acme.test',
        'ci/image',
        '.github/workflows/build.yml:5',
        '.github/workflows/build.yml:5 .github/workflows/build.yml:9',
      ),
      'GET,HEAD https://registry.acme.test/v2/ci/action/** # .github/workflows/build.yml:9',
      'use github-runner # .github/workflows/build.yml:4',
    ],
  ],
  [
    'azure',
    [
      'GET,HEAD https://files.acme.test/azure/tool.sh # azure-pipelines.yml:8',
      ...image('registry.acme.test', 'azure/image', 'azure-pipelines.yml:5'),
      'use azure-pipelines-agent # azure-pipelines.yml',
    ],
  ],
  [
    'apt',
    [
      'GET,HEAD http://apt.acme.test/debian/** # sources.list.d/corp.sources:2',
      'GET,HEAD http://old.acme.test/debian/** # sources.list.d/old.list:2',
      'GET,HEAD https://apt2.acme.test/debian/** # sources.list.d/corp.sources:3',
    ],
  ],
  [
    'git',
    [
      ...gitLines('https://git.acme.test/team/lib.git', '.gitmodules:3'),
      'POST https://git.acme.test/team/lib.git/info/lfs/objects/batch # .gitmodules:3',
      'tcp://ssh.acme.test:22 # .gitmodules:6',
    ],
  ],
  [
    'terraform',
    [
      'GET,HEAD https://registry.acme.test/** # .terraform.lock.hcl:1 main.tf:3',
      ...gitLines('https://git.acme.test/team/net.git', 'main.tf:7'),
    ],
  ],
  [
    'helm',
    [
      'GET,HEAD https://charts.acme.test/stable/** # Chart.yaml:7',
      ...image('registry.acme.test', 'charts/*', 'Chart.yaml:10'),
    ],
  ],
  ['pre-commit', gitLines('https://git.acme.test/hooks/lint', '.pre-commit-config.yaml:2')],
]

for (const [project, expected] of cases) {
  t.test(`detectNeeds(): finds the lines of a project, when it is for ${project}`, async t => {
    const detection = await detected(project)
    t.strictSame(linesOf(detection), [...expected].toSorted())
    t.strictSame(detection.warnings, [])
  })
}

t.test('detectNeeds(): a broken file is one warning that quotes nothing, and the others still count', async t => {
  const detection = await detected('broken')
  t.strictSame(detection.warnings.map(({ place }) => place.file).toSorted(), [
    'compose.yaml',
    'nuget.config',
    'package.json',
    'pyproject.toml',
  ])
  t.strictSame(linesOf(detection), ['GET,HEAD https://files.acme.test/ok/flask.whl # requirements.txt:1'])
})

t.test('renderDetection(): is a valid policy without any credential, for all samples together', async t => {
  const { files } = await readProject(fixtures, isWanted, defaultBounds, AbortSignal.timeout(30_000))
  const detection = gatherFindings(await detectNeeds(files, quietMachine(), () => undefined))
  const text = renderDetection(detection, 'audit', 'samples')
  t.equal(parsePolicy(text, 'samples', readUse).mode, 'audit')
  t.notMatch(text, /SECRET|ci-user/)
  t.notMatch(JSON.stringify(detection), /SECRET|ci-user/)
  t.match(text, '- GET,HEAD https://npm.acme.test/')
})

t.test('detectNeeds(): says what a tool is missing, when nothing names a registry', async t => {
  const manifest = { path: 'package.json', text: '{}' }
  const { notes } = gatherFindings(await detectNeeds([manifest], quietMachine(), () => undefined))
  t.match(notes, [
    { tool: 'npm', text: 'no registry configured and npm is not installed here: run detect where the build runs' },
  ])
})
