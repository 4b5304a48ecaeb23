import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { InsightHost } from '../insight/part.ts'

/** The job's workspace, as the gateway sees it and as the job names it. */
export interface Workspace {
  /** Absolute, as somebody wrote it. */
  readonly here: string
  /**
   * True when the job has a view of its own: what in its workspace leads out of it leads to other places here, perhaps to
   * another job's, and is not followed.
   */
  readonly isConfined: boolean
  /** A folder that the job names, as the gateway sees it. `real`: `here`, all links followed. */
  readonly inJob: (folder: string, real: string) => { readonly folder: string } | { readonly error: string }
}

/**
 * Where the workspace is. `named` is the policy's name for it, which is the job's: the gateway's too, unless the configuration
 * has another for this job. Undefined when nobody says.
 */
export function workspaceOf({ workspace: other, cwd }: InsightHost, named: string | undefined): Workspace | undefined {
  const here = other ?? named ?? cwd
  if (here === undefined) return undefined
  return {
    here,
    isConfined: cwd === undefined,
    inJob(folder, real) {
      if (other !== undefined && named === undefined)
        return {
          error: `the policy does not say where the job has its workspace (integrity.workspace), so not what ${folder} is`,
        }
      for (const place of other === undefined ? [here, real] : [named ?? here]) {
        const root = place.replace(/\/+$/, '')
        if (folder === root || folder.startsWith(`${root}/`)) return { folder: `${real}${folder.slice(root.length)}` }
      }
      return { error: `${folder} is not in the workspace ${named ?? here}` }
    },
  }
}

/** Where links lead, as the kernel names places in notices: also of what is not there yet, as far as there is anything. */
export function realPath(path: string): string {
  const whole = resolve(path)
  try {
    return realpathSync(whole)
  } catch {
    const parent = dirname(whole)
    return parent === whole ? whole : join(realPath(parent), basename(whole))
  }
}
