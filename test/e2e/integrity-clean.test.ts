import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, runBehind } from './behind.ts'
import { commit, makeRepository } from './source-repo.ts'
import { findProgram, whyNoToolchain } from './toolchain.ts'

t.setTimeout(400_000)

interface CleanBuild {
  readonly tool: string
  readonly files: Readonly<Record<string, string>>
  /** Makes what a project commits and only its tool can write. */
  readonly lock?: string
  readonly build: string
}

/** Projects that need nothing from outside; a build of each, twice, as developers and pipelines do. */
const builds: Readonly<Record<string, CleanBuild>> = {
  'C with configure and make, beside its sources': {
    tool: 'gcc',
    files: {
      configure:
        '#!/bin/sh\nset -e\necho "int main(void){return 0;}" > conftest.c\ngcc -o conftest conftest.c\nrm -f conftest conftest.c\nsed s/@CC@/gcc/ Makefile.in > Makefile\necho "#define READY 1" > config.h\ntouch Makefile.in\n',
      'Makefile.in':
        'CC=@CC@\nall: app\napp: main.o gen.o\n\t$(CC) -o app main.o gen.o\ngen.c: gen.txt\n\t(printf "int gen="; cat gen.txt; echo ";") > gen.c.tmp && mv gen.c.tmp gen.c\nclean:\n\trm -f app *.o gen.c\n',
      'main.c': '#include "config.h"\nextern int gen;\nint main(void) { return gen - READY; }\n',
      'gen.txt': '1\n',
    },
    build:
      'sh ./configure; make; ./app; make clean; make; mkdir -p /tmp/inst; install -m 755 app /tmp/inst/app; strip /tmp/inst/app',
  },
  'Go with generated code that is committed': {
    tool: 'go',
    files: {
      'go.mod': 'module example.com/app\n\ngo 1.20\n',
      'main.go':
        'package main\n\n//go:generate sh -c "printf \'package main\\\\n\\\\nconst made = 1\\\\n\' > made.go"\nfunc main() { println(made) }\n',
      'made.go': 'package main\n\nconst made = 1\n',
      'main_test.go':
        'package main\n\nimport "testing"\n\nfunc TestMade(t *testing.T) {\n\tif made != 1 {\n\t\tt.Fatal()\n\t}\n}\n',
      '.gitignore': '/bin/\n',
    },
    build: 'go generate ./...; gofmt -w .; go vet ./...; go build -o bin/app .; go test ./...; bin/app',
  },
  'Cargo with a lock file': {
    tool: 'cargo',
    files: {
      'Cargo.toml': '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\nbuild = "build.rs"\n',
      'build.rs':
        'fn main() { let out = std::env::var("OUT_DIR").unwrap(); std::fs::write(format!("{out}/made.rs"), "const MADE: i32 = 0;").unwrap(); }\n',
      'src/main.rs': 'include!(concat!(env!("OUT_DIR"), "/made.rs"));\nfn main() { std::process::exit(MADE) }\n',
      '.gitignore': '/target\n',
    },
    lock: 'cargo generate-lockfile --offline',
    build: 'cargo build --offline; cargo test --offline; cargo run --offline',
  },
  'npm with workspaces, scripts and a lock file': {
    tool: 'npm',
    files: {
      'package.json':
        '{\n  "name": "app",\n  "version": "1.0.0",\n  "private": true,\n  "workspaces": ["packages/*"],\n  "scripts": { "prepare": "node make.js", "build": "node make.js && tool" }\n}\n',
      'packages/tool/package.json': '{\n  "name": "tool",\n  "version": "1.0.0",\n  "bin": { "tool": "tool.js" }\n}\n',
      'packages/tool/tool.js': '#!/usr/bin/env node\nconsole.log("built")\n',
      'make.js':
        'const fs = require("fs"); fs.mkdirSync("dist", { recursive: true }); fs.writeFileSync("dist/app.js", "1")\n',
      '.gitignore': 'node_modules/\ndist/\n',
    },
    lock: 'npm install --offline --no-audit --no-fund --package-lock-only',
    build: 'npm install --offline --no-audit --no-fund; npm ci --offline --no-audit --no-fund; npm run build',
  },
  'Python in a virtual environment': {
    tool: 'python3',
    files: {
      'app/__init__.py': 'made = 1\n',
      'app/__main__.py': 'from . import made\nprint(made)\n',
      '.gitignore': '.venv/\n__pycache__/\n',
    },
    build:
      'python3 -m venv .venv; .venv/bin/python -m compileall -q app; .venv/bin/python -m app; .venv/bin/python -m pip --version',
  },
  'more outputs beside the sources than can be looked at one by one, which git ignores': {
    tool: 'python3',
    files: { 'src/a.c': 'int a;\n', '.gitignore': '*.o\n' },
    build: `python3 -c 'for at in range(40000): open(f"src/{at}.o", "w").close()'; rm -f src/1*.o`,
  },
  'a checkout with a submodule that is updated in the job': {
    tool: 'git',
    files: { 'a.c': 'int a;\n' },
    build: [
      'rm -rf ../clone ../inner; mkdir ../inner; here=$PWD; cd ../inner; inner=$PWD; git init -q -b main; echo x > i.c; git add i.c',
      commit('inner'),
      'git clone -q "$here" ../clone; cd ../clone; git="git -c protocol.file.allow=always"; $git submodule --quiet add "$inner" vendor',
      commit('with'),
      'git checkout -q HEAD~1 2>/dev/null; git checkout -q main; $git submodule --quiet update --init; sleep 1; git fetch -q; git gc -q',
    ].join('; '),
  },
}

await t.test('clean builds raise no alarm', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  let count = 0
  for (const [name, { tool, files, lock, build }] of Object.entries(builds)) {
    await t.test(name, { skip: whyNoToolchain(tool, ['/usr/local/go/bin']) }, async t => {
      count += 1
      const base = lab.file(`clean-${count}`)
      const folder = `${base}/app`
      mkdirSync(folder, { recursive: true })
      await makeRepository(lab, folder, files)
      const env = {
        HOME: base,
        GOCACHE: `${base}/go-cache`,
        GOFLAGS: '-mod=mod',
        GOPROXY: 'off',
        GOTOOLCHAIN: 'local',
        PATH: `${dirname(findProgram(tool, ['/usr/local/go/bin']) ?? '/usr/bin')}:${process.env['PATH'] ?? ''}`,
        ...(tool === 'cargo' ? { RUSTUP_HOME: process.env['RUSTUP_HOME'] ?? `${process.env['HOME']}/.rustup` } : {}),
      }
      if (lock !== undefined) {
        const script = `cd ${folder}; ${lock}; git add -A; ${commit('lock')}`
        const locked = await lab.host.exec('sh', ['-ec', script], { env, timeoutMs: 60_000 })
        t.equal(locked.exitCode, 0, locked.stderr)
      }
      const run = await runBehind(lab, {
        policy: `${auditPolicy}integrity: { workspace: ${tool === 'git' ? base : folder} }\n`,
        command: ['sh', '-ec', `cd ${folder}; (${build})${tool === 'git' ? '' : `; sleep 0.5; (${build})`}`],
        env,
        timeoutMs: 180_000,
      })
      t.equal(run.exitCode, 0, run.stderr.slice(-2_000))
      t.strictSame(
        run.lines.flatMap(({ details }) => {
          const kind = details?.['kind']
          return kind === 'source-changed' || kind === 'unwatched' ? [details?.['note']] : []
        }),
        [],
      )
      t.ok(
        run.lines.some(({ event }) => event === 'checkpoint'),
        'it was watched at all',
      )
    })
  }
})
