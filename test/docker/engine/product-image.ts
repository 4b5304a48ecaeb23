import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../lab/lab.ts'
import type { Engine } from './engine.ts'
import { registryUrl, stockShelf } from './shelf.ts'

/** What the product's image is called here. */
export const productImage = 'tidegate:test'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Builds the product's image with the repository's Dockerfile, as a user would behind a registry of their own; packages come
 * from the lab. Returns its name. @throws Error with what the builder said
 */
export async function buildProductImage(lab: Lab, engine: Engine): Promise<string> {
  await stockShelf(lab)
  const npmrc = `${lab.dir}/npmrc`
  writeFileSync(npmrc, `registry=${registryUrl}\n`)
  const secrets = [`id=npmrc,src=${npmrc}`, `id=ca,src=${lab.ca.certPath}`]
  const { exitCode, stderr } = await engine.docker(
    ['build', '--tag', productImage, ...secrets.flatMap(secret => ['--secret', secret]), repository],
    { timeoutMs: 300_000 },
  )
  if (exitCode !== 0) throw new Error(`the product's image was not built:\n${stderr.slice(-3_000)}`)
  return productImage
}
