import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { runChecked } from '../../lab/program.ts'
import { places } from './places.ts'

/**
 * A template is an engine's data folder with images in it, under the digest of all that they are made of. Engines begin with
 * a copy, so that no image is loaded twice.
 */
export function templateFolder(kind: 'base' | 'product', key: string): string {
  return `${places.templates}/${kind}-${key}`
}

/** The templates of a kind, newest first. */
export function templatesOf(kind: 'base' | 'product'): readonly string[] {
  if (!existsSync(places.templates)) return []
  return readdirSync(places.templates)
    .filter(name => name.startsWith(`${kind}-`))
    .map(name => `${places.templates}/${name}`)
    .toSorted((a, b) => madeAt(b) - madeAt(a))
}

/** When it was made; long ago when somebody has removed it meanwhile. */
function madeAt(template: string): number {
  return statSync(template, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/**
 * What is worth keeping of a data folder: all else a daemon makes for itself at each start, or must not share with another.
 * The builder finds its cache by the engine's id.
 */
const kept = ['image', 'overlay2', 'buildkit', 'engine-id']

/** Makes a stopped engine's data folder a template, by moving it; the oldest of its kind go. */
export async function keepAsTemplate(data: string, template: string, most: number): Promise<void> {
  mkdirSync(places.templates, { recursive: true })
  // Beside the engine, so that whoever sweeps up after a kill finds it.
  const draft = `${dirname(data)}/template`
  mkdirSync(draft)
  await runChecked('mv', ['--', ...kept.map(name => `${data}/${name}`), draft])
  // Somebody else may have made the same meanwhile: theirs is as good, and ours goes with the engine's folder.
  if (!existsSync(template)) renameSync(draft, template)
  const kind = basename(template).startsWith('base-') ? 'base' : 'product'
  // Somebody else may be removing the same.
  for (const old of templatesOf(kind).slice(most)) rmSync(old, { recursive: true, force: true })
}

/**
 * Fills an engine's data folder from a template. Layers become hard links: an engine writes above a layer, never into it; for
 * the same reason no build of ours may have a cache mount. All else is copied.
 */
export async function fillDataFolder(data: string, template: string): Promise<void> {
  const others = kept.filter(name => name !== 'overlay2').map(name => `${template}/${name}`)
  await runChecked('cp', ['-al', '--', `${template}/overlay2`, data], { timeoutMs: 120_000 })
  await runChecked('cp', ['-a', '--', ...others, data])
}
