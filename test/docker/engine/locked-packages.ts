import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

/** One npm package that the product needs at run time, as package-lock.json has it. */
export type LockedPackage = z.infer<typeof entry> & { readonly name: string }

const names = z.record(z.string(), z.string()).optional()
const entry = z.object({
  version: z.string(),
  integrity: z.string(),
  dependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
  bin: z.unknown().optional(),
  engines: z.unknown().optional(),
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
  libc: z.array(z.string()).optional(),
  dev: z.boolean().optional(),
  optional: z.boolean().optional(),
})
const lock = z.object({ packages: z.record(z.string(), z.unknown()) })

/** The lock file's packages that are no development tools, of all platforms. */
export function lockedPackages(): readonly LockedPackage[] {
  const path = fileURLToPath(new URL('../../../package-lock.json', import.meta.url))
  const { packages } = lock.parse(JSON.parse(readFileSync(path, 'utf8')))
  return Object.entries(packages)
    .filter(([folder]) => folder !== '')
    .map(([folder, raw]) => ({ ...entry.parse(raw), name: folder.slice(folder.lastIndexOf('node_modules/') + 13) }))
    .filter(({ dev }) => dev !== true)
}

/** Whether npm would install it on this machine. */
export function isForThisMachine({ os, cpu }: LockedPackage): boolean {
  return (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true)
}

/** What `npm pack` calls its archive. */
export function archiveName({ name, version }: LockedPackage): string {
  return `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`
}
