// Opens an engine with a container in it, prints the engine's id, and waits to be killed (engine.test.ts).
import { stdout } from 'node:process'
import { openLab } from '../lab/lab.ts'
import { openEngine } from './engine/engine.ts'

await using lab = await openLab({ services: [] })
await using engine = await openEngine(lab)
const { exitCode, stderr } = await engine.docker(['run', '--detach', engine.images.debian, 'sleep', 'infinity'])
if (exitCode !== 0) throw new Error(stderr)
stdout.write(`${engine.id}\n`)
await new Promise(() => setInterval(() => undefined, 60_000))
