import { fileURLToPath } from 'node:url'

/** Where `make setup-docker` puts what it makes; git ignores it, `make clean` removes it. */
export const cache = fileURLToPath(new URL('../../../.setup/docker', import.meta.url))

/** The folders of the cache. */
export const places = {
  /** Engine, client and plugins, where the machine has none that are new enough: `bin`, `cli-plugins`. */
  programs: `${cache}/programs`,
  /** What images are made of. */
  materials: `${cache}/materials`,
  /** Data folders with images in them (templates.ts). */
  templates: `${cache}/templates`,
  /** One folder for each engine that runs, or was killed. */
  engines: `${cache}/engines`,
} as const
