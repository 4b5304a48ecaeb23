// Loads the program with a cache of its compiled code, which must be switched on before the first TypeScript file. It lies
// beside the program, never in a folder that others may write, and no variable names it, which a build would inherit.
import { accessSync, constants } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

const beside = fileURLToPath(new URL('../.node', import.meta.url))
try {
  accessSync(beside, constants.W_OK)
  enableCompileCache(`${beside}/compile-cache`)
} catch {
  // Not ours to write: it works without, some 100 ms slower.
}
await import('../gateway/main.ts')
