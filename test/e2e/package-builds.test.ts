import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { tarOf } from '../lab/services/tar.ts'
import { runSteps } from './steps.ts'

t.setTimeout(120_000)

/** A build backend that lies in the source archive itself, and calls somebody while it builds. */
const backend = `import os, urllib.request, zipfile
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    try:
        urllib.request.urlopen("https://api.acme.test/echo/build", data=b"x", timeout=5).read()
    except Exception as error:
        print("no network:", error)
    name = "lab_source-1.0-py3-none-any.whl"
    info = "lab_source-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr("lab_source.py", "")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: lab-source\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
`

const archive = gzipSync(
  tarOf(
    [
      ['pyproject.toml', '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'],
      ['backend.py', backend],
      ['PKG-INFO', 'Metadata-Version: 2.1\nName: lab-source\nVersion: 1.0\n'],
    ].map(([path = '', content = '']) => ({ path: `lab_source-1.0/${path}`, content })),
  ),
)

const index = 'pypi.org'
const files = 'files.pythonhosted.org'
const sha256 = createHash('sha256').update(archive).digest('hex')
const listing = JSON.stringify({
  meta: { 'api-version': '1.1' },
  name: 'lab-source',
  versions: ['1.0'],
  files: [
    {
      filename: 'lab_source-1.0.tar.gz',
      url: `https://${files}/s/lab_source-1.0.tar.gz`,
      hashes: { sha256 },
      size: archive.length,
      'upload-time': '2020-01-01T00:00:00.000000Z',
    },
  ],
})

const pip = `python3 -m pip wheel --no-cache-dir --disable-pip-version-check --isolated --retries 0 --index-url https://${index}/simple/ -w wheels`

function policy(mode: 'audit' | 'block'): string {
  return `version: 1
mode: ${mode}
allow: [${index}, ${files}, api.acme.test]
packages: { minimumAgeDays: 30, installScripts: deny }
`
}

await t.test('pip builds a source archive whose build calls somebody', { skip: whyNoLab(['origins']) }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  for (const host of [index, files]) await lab.serve(host)
  await lab.origins.script(index, '/simple/lab-source/', {
    status: 200,
    headers: [['content-type', 'application/vnd.pypi.simple.v1+json']],
    body: listing,
  })
  await lab.origins.script(files, '/s/lab_source-1.0.tar.gz', { status: 200, body: archive })
  for (const mode of ['block', 'audit'] as const)
    await t.test(`in ${mode}`, async t => {
      await lab.origins.clear()
      const steps = { pip: `${pip} lab-source && ls wheels`, post: 'curl -sS https://api.acme.test/echo/own -d x' }
      const run = await runSteps(lab, { policy: policy(mode), steps })
      t.match(run.step('pip').stdout, /lab_source-1\.0-py3-none-any\.whl/, run.step('pip').stderr)
      t.same(
        run.lines.filter(({ event }) => event === 'anomaly').map(({ details, host }) => [details?.['kind'], host]),
        [['install-script', 'api.acme.test']],
      )
      t.match(
        run.lines.filter(({ rule }) => rule?.startsWith('packages.') === true),
        [
          {
            host: 'api.acme.test',
            verdict: mode === 'block' ? 'deny' : 'observe',
            rule: 'packages.installScripts a package of pypi',
          },
        ],
      )
      const posts = await lab.origins.requests({ host: 'api.acme.test' })
      t.same(
        posts.map(({ path }) => path),
        mode === 'block' ? ['/echo/own'] : ['/echo/build', '/echo/own'],
        'what the job does itself is its own',
      )
      t.match(
        run.lines.filter(({ details }) => details?.['purl'] !== undefined),
        [
          {
            host: files,
            details: {
              purl: 'pkg:pypi/lab-source@1.0?file_name=lab_source-1.0.tar.gz',
              registry: index,
              sha256,
              promise: 'kept',
              published: '2020-01-01T00:00:00.000Z',
            },
          },
        ],
        'the index said where it is, what it is and since when',
      )
    })
})
