import type { Lab } from '../../lab/lab.ts'
import { npmRegistry, type OfferedPackage } from '../npm-registry.ts'

/** The registry that builds of replays install from. */
export const registry = 'npm.acme.test'

/** Makes the registry, or another host, offer these packages, and nothing else. */
export async function offer(lab: Lab, packages: readonly OfferedPackage[], host = registry): Promise<void> {
  await lab.origins.script(host, '*', npmRegistry(host, packages))
}

/** A shell line that makes a project of this manifest and enters it. */
export function project(manifest: object): string {
  return `mkdir -p app && cd app && printf '%s' '${JSON.stringify(manifest)}' >package.json`
}

/** `npm install` as a build does it, with a cache of its own. */
export function npmInstallFrom(host: string): string {
  return `npm install --foreground-scripts --no-audit --no-fund --no-update-notifier --fetch-retries 0 --registry https://${host}/ --cache "$WORK/cache"`
}

export const npmInstall = npmInstallFrom(registry)
