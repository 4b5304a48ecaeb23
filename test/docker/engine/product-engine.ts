import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../lab/lab.ts'
import { baseTemplate } from './base-images.ts'
import { openEngine, type Engine, type EngineOptions } from './engine.ts'
import { buildProductImage } from './product-image.ts'
import { keepAsTemplate, templateFolder, templatesOf } from './templates.ts'

const repository = fileURLToPath(new URL('../../../', import.meta.url))

/** All that goes into the product's image (.dockerignore, Dockerfile). */
const inputs = ['Dockerfile', '.dockerignore', '.npmrc', 'LICENSE', 'package.json', 'package-lock.json']
const folders = ['bin', 'gateway', 'sidecar-init']

/** How many templates with a product are kept: one for each state of the tree that somebody may be testing now. */
const mostProducts = 3

/**
 * Opens an engine that has the product's image of the working tree beside the base images. The image is built when the tree has
 * changed since the last time, with the builder's cache of then, and costs nothing otherwise.
 */
export async function openProductEngine(lab: Lab, options: Omit<EngineOptions, 'template'> = {}): Promise<Engine> {
  const template = templateFolder('product', productKey())
  if (!existsSync(template)) await makeTemplate(lab, template)
  return openEngine(lab, { ...options, template })
}

async function makeTemplate(lab: Lab, template: string): Promise<void> {
  const earlier = templatesOf('product').find(each => each.includes(`-${baseKey()}-`))
  await using engine = await openEngine(lab, { template: earlier ?? baseTemplate() })
  await buildProductImage(lab, engine)
  await engine.docker(['image', 'prune', '--force'])
  await engine.docker(['builder', 'prune', '--force', '--keep-storage', '1GB'])
  // The one kind that the next build would write into.
  await engine.docker(['builder', 'prune', '--force', '--filter', 'type=source.local'])
  await engine.stop()
  await keepAsTemplate(engine.data, template, mostProducts)
}

function productKey(): string {
  const tree = folders.flatMap(folder =>
    readdirSync(`${repository}${folder}`, { recursive: true, encoding: 'utf8' }).map(name => `${folder}/${name}`),
  )
  const digest = createHash('sha256')
  for (const name of [...inputs, ...tree.toSorted()])
    if (statSync(`${repository}${name}`).isFile())
      digest.update(`${name}\0`).update(readFileSync(`${repository}${name}`))
  return `${baseKey()}-${digest.digest('hex').slice(0, 16)}`
}

/** Of the base images that a product was made beside: a template with others is none to go on from. */
function baseKey(): string {
  return basename(baseTemplate()).replace('base-', '')
}
