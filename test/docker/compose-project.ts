import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finished } from '../lab/program.ts'
import type { Lab } from '../lab/lab.ts'
import type { Engine } from './engine/engine.ts'
import { productImage } from './engine/product-image.ts'

const published = fileURLToPath(new URL('../../compose/', import.meta.url))

/** A project that uses one of the compose files as they are published, with what a user changes in a file beside it. */
export interface ComposeProject extends AsyncDisposable {
  readonly dir: string
  /** `docker compose …` with the published file and the user's. */
  compose(args: readonly string[], options?: Parameters<Engine['compose']>[2]): Promise<Finished>
}

/** What a project is made of. */
export interface ProjectFiles {
  /** Below `compose/`; default `docker-compose.yml`. */
  readonly file?: string
  /** The text of `tidegate.yaml`; origins of the lab are trusted with `extraCa: [/etc/tidegate/lab-ca.pem]`. */
  readonly policy: string
  /** What the user changes, as a compose file that is merged over the published one. */
  readonly override: string
  /** Further files, by path. */
  readonly files?: Readonly<Record<string, string>>
}

/** Copies the published compose file into a folder of its own. Disposing takes the project down, volumes too. */
export function openProject(lab: Lab, engine: Engine, name: string, project: ProjectFiles): ComposeProject {
  const dir = `${lab.dir}/${name}`
  mkdirSync(dir)
  copyFileSync(`${published}${project.file ?? 'docker-compose.yml'}`, `${dir}/docker-compose.yml`)
  copyFileSync(lab.ca.certPath, `${dir}/lab-ca.pem`)
  for (const [path, text] of Object.entries({ ...project.files, 'tidegate.yaml': project.policy })) {
    mkdirSync(dirname(`${dir}/${path}`), { recursive: true })
    writeFileSync(`${dir}/${path}`, text)
  }
  writeFileSync(`${dir}/docker-compose.override.yml`, project.override)
  const compose: ComposeProject['compose'] = async (args, options = {}) =>
    engine.compose(dir, args, { timeoutMs: 120_000, ...options, env: { ...options.env, TIDEGATE_IMAGE: productImage } })
  return {
    dir,
    compose,
    async [Symbol.asyncDispose]() {
      const { exitCode, stderr } = await compose(['down', '--volumes', '--timeout', '2'])
      if (exitCode !== 0) throw new Error(`the project ${name} was not taken down: ${stderr}`)
    },
  }
}

/** Mounts what the lab's origins are verified against into the gateway. */
export const labRoots = `
  gateway:
    volumes: ['./lab-ca.pem:/etc/tidegate/lab-ca.pem:ro']
`
