// Loads a program, named by the first argument, with a cache of its compiled code, which must be switched on before the
// first TypeScript file. It lies beside the program, never in a folder that others may write, and no variable names it,
// which a build would inherit. Where it may not be written it is only read: the image is read-only, and has it filled.
// Without it the program works some 100 ms slower.
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Node would open its debugger on a port of this machine, for whoever connects: a job on our terminal can send us that signal.
process.on('SIGUSR1', () => undefined)

const beside = fileURLToPath(new URL('../.node', import.meta.url))
if (existsSync(beside)) enableCompileCache(`${beside}/compile-cache`)
const [program = 'gateway/main.ts'] = process.argv.splice(2, 1)
await import(new URL(`../${program}`, import.meta.url).href)
