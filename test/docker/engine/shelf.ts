import { existsSync, readFileSync } from 'node:fs'
import type { Lab } from '../../lab/lab.ts'
import { archiveName, lockedPackages, type LockedPackage } from './locked-packages.ts'
import { places } from './places.ts'

/** npm's registry for image builds in the lab. */
export const registryUrl = 'https://registry.acme.test/'

/** Lets builds in the lab install what setup has fetched: Debian packages for the base images, and the product's npm packages. */
export async function stockShelf(lab: Lab): Promise<void> {
  const packages = lockedPackages()
  await lab.serve('registry.acme.test')
  await lab.origins.script('apt.acme.test', '*', ({ path }) => {
    const name = /^\/bookworm\/(?:\.\/)?([^/]+)$/.exec(decodeURIComponent(path))?.[1]
    return fileReply(`${places.materials}/archive/${name}`)
  })
  await lab.origins.script('registry.acme.test', '*', ({ path }) => {
    const wanted = decodeURIComponent(path).slice(1)
    if (wanted.startsWith('-/')) return fileReply(`${places.materials}/packages/${wanted.slice(2)}`)
    const versions = packages.filter(({ name }) => name === wanted)
    return versions.length === 0
      ? { status: 404, body: '{}' }
      : { status: 200, headers: [['Content-Type', 'application/json']], body: JSON.stringify(packument(versions)) }
  })
}

function packument(versions: readonly LockedPackage[]): object {
  return {
    name: versions[0]?.name,
    'dist-tags': { latest: versions.at(-1)?.version },
    versions: Object.fromEntries(
      versions.map(({ integrity, ...facts }) => [
        facts.version,
        { ...facts, dist: { integrity, tarball: `${registryUrl}-/${archiveName({ integrity, ...facts })}` } },
      ]),
    ),
  }
}

function fileReply(path: string) {
  return existsSync(path) ? { status: 200, body: readFileSync(path) } : { status: 404, body: '' }
}
