import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TarFile } from './tar.ts'

/** Where the job sees its folder, relative to its root. */
export const jobFolder = 'run/tidegate'

/** The plain files of the job's folder, for the container that cannot mount it. Sockets are left out: they would be others. */
export function readJobFiles(folder: string): readonly TarFile[] {
  return readdirSync(folder).flatMap(name => {
    const status = statSync(join(folder, name), { throwIfNoEntry: false })
    if (status === undefined || !status.isFile() || name.endsWith('.new')) return []
    return [{ name, mode: status.mode & 0o777, content: readFileSync(join(folder, name)) }]
  })
}
