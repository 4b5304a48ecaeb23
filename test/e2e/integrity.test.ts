import { mkdirSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, runBehind, tidegate, type Outcome } from './behind.ts'
import type { Lab } from '../lab/lab.ts'
import { commit, fileEvents, makeRepository } from './source-repo.ts'

t.setTimeout(240_000)

const rewrite = new URL('clients/rewrite-sources.py', import.meta.url).pathname
const files = {
  'src/a.c': 'int a(void) { return 1; }\n',
  'src/deep/b.c': 'int b(void) { return 2; }\n',
  'lib/c.c': 'int c(void) { return 3; }\n',
  '.gitignore': '*.o\n/ignored/\n',
}

/** Runs a shell command in a fresh checkout of these files; the checkout is there before the job. */
async function inCheckout(lab: Lab, name: string, script: string, integrity = '{}'): Promise<Outcome> {
  const folder = lab.file(name)
  mkdirSync(folder)
  await makeRepository(lab, folder, files)
  const policy = `${auditPolicy}integrity: ${integrity.replace('{', `{ workspace: ${folder}, `)}\n`
  return runBehind(lab, { policy, command: ['sh', '-ec', `cd ${folder}; ${script}`], env: { REWRITE: rewrite } })
}

const alarms = (run: Outcome): readonly string[] =>
  run.lines.flatMap(({ details }) =>
    details?.['kind'] === 'source-changed' || details?.['kind'] === 'unwatched' ? [String(details['note'])] : [],
  )

await t.test('the sources of a job', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()

  await t.test('I8: swapped for the compiler and put back (SUNSPOT): both are told, with who did it', async t => {
    const run = await inCheckout(
      lab,
      'sunspot',
      'cp src/a.c /tmp/kept; sh -c "printf %s evil > src/a.c; sleep 0.2"; cat src/a.c > src/a.o; sh -c "cat /tmp/kept > src/a.c; sleep 0.2"',
    )
    t.strictSame(
      fileEvents(run.lines).filter(line => !line.startsWith('added')),
      ['overwritten src/a.c dash', 'restored src/a.c dash'],
    )
    const [overwritten, restored] = run.lines.filter(({ layer }) => layer === 'file')
    t.equal(restored?.after, overwritten?.before)
    t.equal(restored?.before, overwritten?.after)
    t.match(overwritten?.process?.parents, ['/usr/bin/dash'])
    t.equal(alarms(run).length, 2)
    t.equal(run.exitCode, 0, 'report only')
  })

  await t.test('every way to change a file is told', async t => {
    const ways = [
      'mapped',
      'truncated',
      'copied-range',
      'spliced',
      'exchanged',
      'linked',
      'replaced',
      'symbolic',
      'folder',
    ]
    for (const way of ways) {
      const run = await inCheckout(lab, way, `python3 $REWRITE ${way}=src/deep/b.c; sleep 1.2`)
      const told = run.lines.findLast(({ path, layer }) => layer === 'file' && path === 'src/deep/b.c')
      t.equal(told?.event, 'overwritten', `${way}: ${fileEvents(run.lines).join(', ')}`)
      t.not(told?.after, told?.before, way)
      if (way !== 'mapped') t.match(told?.process?.exe, /python3/, way)
      t.notMatch(alarms(run).join(' '), 'found at the end', way)
    }
  })

  await t.test('one process that writes it twice is seen twice', async t => {
    const run = await inCheckout(lab, 'twice', 'python3 $REWRITE twice=src/a.c')
    t.match(fileEvents(run.lines), [/^overwritten src\/a\.c python3/, /^restored src\/a\.c python3/])
  })

  await t.test('a change right before the end is told at the end', async t => {
    const run = await inCheckout(lab, 'late', "exec python3 -c \"open('src/a.c', 'w').write('evil')\"")
    t.match(fileEvents(run.lines), [/^overwritten src\/a\.c/])
  })

  await t.test('onChange: fail fails the run', async t => {
    t.equal((await inCheckout(lab, 'fail', 'rm lib/c.c', '{ onChange: fail }')).exitCode, 3)
    t.equal((await inCheckout(lab, 'no-fail', 'true', '{ onChange: fail }')).exitCode, 0)
  })

  await t.test('hooks, and the settings that name them', async t => {
    const run = await inCheckout(
      lab,
      'hooks',
      'echo true > .git/hooks/post-checkout; sleep 0.5; git config core.hooksPath /tmp/hooks; sleep 0.5; git config user.name somebody',
    )
    t.match(fileEvents(run.lines), [
      'hook-changed .git/hooks/post-checkout dash',
      /^hook-changed \.git\/config (?:git|-)$/,
    ])
  })

  await t.test('what is normal is quiet', async t => {
    const quiet = [
      'mkdir -p ignored; echo x > ignored/x; echo x > src/a.o',
      'cat src/a.c > src/a.c.new; mv src/a.c.new src/a.c',
      'touch src/a.c; chmod 755 lib/c.c; chmod 644 lib/c.c',
      'git checkout -q -b other; echo more > src/more.c',
      `sleep 0.5; git add src/more.c; ${commit('second')}; git checkout -q main; git checkout -q other; git checkout -q main`,
      'echo out > dist.txt; mkdir -p build/x; echo > build/x/y; sleep 1',
    ]
    const run = await inCheckout(lab, 'quiet', quiet.join('; '), '{ allow: [build/**, dist.txt, src/more.c] }')
    t.strictSame(fileEvents(run.lines), [])
    t.strictSame(alarms(run), [])
    const commits = run.lines.filter(({ event }) => event === 'checkpoint')
    t.ok(commits.length >= 1, 'baselines are told')
  })

  await t.test('a checkout by the job itself is the baseline once git is done', async t => {
    const origin = lab.file('origin')
    mkdirSync(origin)
    const first = await makeRepository(lab, origin, files)
    const policy = `${auditPolicy}integrity: {}\n`
    const noticed = await runBehind(lab, {
      policy,
      command: ['sh', '-ec', `git clone -q ${origin} app; sleep 1.5; echo evil > app/src/a.c; sleep 0.5`],
    })
    t.strictSame(fileEvents(noticed.lines), ['overwritten app/src/a.c dash'])
    t.match(
      noticed.lines.filter(({ event }) => event === 'checkpoint').map(({ details }) => details?.['note']),
      [new RegExp(`^source baseline: commit ${first}, 4 files in .*/app`)],
    )

    const told = await runBehind(lab, {
      policy,
      command: [
        'sh',
        '-c',
        `git clone -q ${origin} app; ${tidegate} checkpoint app; echo exit $?; echo evil >> app/lib/c.c; ${tidegate} checkpoint app; echo exit $?`,
      ],
    })
    t.match(told.stdout.split('\n'), [
      `commit ${first}: 4 files watched`,
      'exit 0',
      `commit ${first}: 4 files watched`,
      'exit 1',
    ])
    t.match(fileEvents(told.lines), [/^overwritten app\/lib\/c\.c/])
  })

  await t.test('an archive that holds more than its commit is an alarm of the job', async t => {
    const run = await inCheckout(
      lab,
      'manifest',
      `mkdir -p ignored/x; git archive --prefix=app/ HEAD | tar x -C ignored/x; echo evil > ignored/x/app/evil.m4; tar cf ignored/a.tar -C ignored/x app; ${tidegate} checkpoint --manifest ignored/a.tar || echo exit $?`,
    )
    t.match(run.stdout, 'exit 1')
    t.match(
      run.lines.filter(({ details }) => details?.['kind'] === 'not-in-source').map(({ details }) => details?.['note']),
      [/^a\.tar holds a file that commit [0-9a-f]{12} does not: evil\.m4$/],
    )
  })

  await t.test('floods, deep folders and loops are bounded, and said', async t => {
    const script = [
      // More notices than the kernel keeps, of one file and of many; a folder deeper than any path; links that lead in a circle.
      'import os, itertools',
      'for i in range(20000):',
      '    open(f"src/t{i}.c", "w").close()',
      'for i in range(3000):',
      '    open("src/a.c", "w").write(str(i))',
      'here = os.getcwd(); os.chdir("lib")',
      'for i in range(1500):',
      '    os.mkdir("d"); os.chdir("d")',
      'os.chdir(here)',
      'os.symlink("loop-b", "src/loop-a"); os.symlink("loop-a", "src/loop-b"); os.mkfifo("src/fifo.c")',
      'os.rename("lib/c.c", "lib/was.c"); os.mkfifo("lib/c.c")',
    ].join('\n')
    const run = await inCheckout(lab, 'flood', `python3 -c '${script}'; sleep 0.5; rm -rf lib/d`)
    const told = fileEvents(run.lines)
    t.equal(told.filter(line => line.startsWith('added')).length, 500, 'lines of new files')
    t.ok(told.filter(line => line.includes(' src/a.c ')).length <= 20)
    t.ok(
      told.some(line => line.startsWith('deleted lib/c.c')),
      'a FIFO in the place of a source',
    )
    t.ok(
      alarms(run).some(note => /^\d+ more changes were seen/.test(note)),
      `${alarms(run).at(-1)}`,
    )
    t.equal(run.lines.at(-1)?.event, 'sealed')
    t.equal(run.exitCode, 0)
  })

  await t.test('names that mislead stay names', async t => {
    const folder = lab.file('names')
    mkdirSync(folder)
    await makeRepository(lab, folder, { 'a\nb.c': 'x\n', 'ü \u202e.c': 'x\n', '-rf': 'x\n' })
    const run = await runBehind(lab, {
      policy: `${auditPolicy}integrity: { workspace: ${folder} }\n`,
      command: ['sh', '-ec', `cd ${folder}; for f in ./*; do echo evil > "$f"; done; sleep 0.5`],
    })
    t.equal(run.lines.filter(({ event }) => event === 'overwritten').length, 3)
    t.notMatch(run.stderr, /\n *b\.c/, 'no line of its own')
  })
})
