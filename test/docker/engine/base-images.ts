import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../lab/lab.ts'
import type { Engine } from './engine.ts'
import { places } from './places.ts'
import { stockShelf } from './shelf.ts'
import { templateFolder } from './templates.ts'

/** The base images that setup makes from Debian packages and the Node of `.node`; no registry is ever asked. */
export const images = {
  /** Stands for the image of this name: Debian 12, apt, nothing else. Its package source is the lab's own archive. */
  debian: 'debian:bookworm-slim',
  /** The same with node and npm. */
  node: 'node:24-bookworm-slim',
  /** Debian with curl, wget, git, openssl, python3 with pip and venv, ruby, php, dig, nc, socat, ping, ps. */
  tools: 'lab/tools',
  /** Laid out as Alpine is, with busybox; `uv` is linked with musl. */
  musl: 'lab/musl',
} as const

const recipe = fileURLToPath(new URL('base.Dockerfile', import.meta.url))
const materialsDone = `${places.materials}/complete`

/** Where the template with the base images is, when setup has made it of what is there now. */
export function baseTemplate(): string {
  const materials = existsSync(materialsDone) ? readFileSync(materialsDone, 'utf8') : ''
  const inputs = [readFileSync(recipe, 'utf8'), materials, process.version]
  return templateFolder('base', createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 16))
}

/** Builds the base images in an engine that has none. @throws Error with what the builder said */
export async function buildBaseImages(lab: Lab, engine: Engine): Promise<void> {
  await stockShelf(lab)
  const contexts = [
    `node-files=${dirname(dirname(execPath))}`,
    `npm-files=${places.materials}/npm/node_modules/npm`,
    `uv-files=${places.materials}/uv`,
  ]
  for (const [target, tag] of Object.entries(images)) {
    const { exitCode, stderr } = await engine.docker(
      [
        'build',
        `--file=${recipe}`,
        `--target=${target}`,
        `--tag=${tag}`,
        ...contexts.flatMap(context => ['--build-context', context]),
        places.materials,
      ],
      { timeoutMs: 300_000 },
    )
    if (exitCode !== 0) throw new Error(`image ${tag}: ${stderr.slice(-3_000)}`)
  }
  // Layers that only the builder knows are not needed again, and are half of the space.
  await engine.docker(['builder', 'prune', '--all', '--force'])
}
