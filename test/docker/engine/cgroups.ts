import { existsSync, readdirSync, rmdirSync } from 'node:fs'

const mounted = '/sys/fs/cgroup'

/** Removes the control groups of that name, with all below, in every hierarchy; their processes must have ended. */
export function removeCgroups(name: string): void {
  const hierarchies = existsSync(`${mounted}/cgroup.procs`)
    ? [mounted]
    : readdirSync(mounted).map(each => `${mounted}/${each}`)
  for (const hierarchy of hierarchies) removeGroup(`${hierarchy}/${name}`)
}

/** A control group is a folder that rmdir removes although it shows files; only folders below stand in its way. */
function removeGroup(path: string): void {
  if (!existsSync(path)) return
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(`${path}/${entry.name}`)
  rmdirSync(path)
}
