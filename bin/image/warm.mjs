// Fills the compile cache of the image: loads every file of the program once, as the user who will run it.
import { globSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
enableCompileCache(`${root}/.node/compile-cache`)
// Not the entries, of programs and of threads: they would run. The programs' are cached when the image build asks them for their version.
const isEntry = file => file.endsWith('/main.ts') || file.endsWith('-thread.ts')
const files = globSync('{gateway,sidecar-init}/**/*.ts', { cwd: root }).filter(file => !isEntry(file))
for (const file of files) await import(`${root}/${file}`)
flushCompileCache()
