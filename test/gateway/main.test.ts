import { execa } from 'execa'
import process from 'node:process'
import t from 'tap'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../gateway/main.ts', import.meta.url))

/** Runs the program with a module loaded before it that breaks something. */
async function broken(module: string, args: readonly string[]) {
  const { exitCode, stderr } = await execa(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(module)}`, main, ...args],
    // Without what tap adds to the programs that its tests start.
    { reject: false, extendEnv: false, env: { PATH: process.env['PATH'] ?? '' }, stdin: 'ignore' },
  )
  return { exitCode, stderr }
}

/** Part of the program cannot be loaded. */
const without = (file: string): string =>
  `import { registerHooks } from 'node:module'
  registerHooks({ resolve(name, context, next) {
    if (name.endsWith('/${file}')) throw new Error('gone')
    return next(name, context)
  } })`

t.test('main: a part that cannot be loaded is no success', async t => {
  t.match(await broken(without('run.ts'), ['run', '--', 'true']), {
    exitCode: 125,
    stderr: /^tidegate: internal error: /,
  })
  t.match(await broken(without('check.ts'), ['check', 'x']), { exitCode: 2, stderr: /^tidegate: internal error: / })
  t.match(await broken(without('run.ts'), ['--version']), { exitCode: 0 }, 'what is not asked for is not missed')
})

t.test('main: a fault that nobody caught is no success, whatever the command says', async t => {
  const fault = 'process.nextTick(() => setImmediate(() => { throw new Error("fault") }))'
  t.match(await broken(fault, ['--version']), { exitCode: 125, stderr: /^tidegate: internal error: Error: fault/ })
})
