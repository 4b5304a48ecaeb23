import { rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { sweepDead } from './packet/gateway-end.ts'
import { sweepGone } from './packet/gone-namespaces.ts'
import { run } from './packet/run.ts'

/** Where `run` makes the folders of its jobs, and `serve` by default. */
export const jobFolders = '/run/tidegate/jobs'

/**
 * Tidies up after gateways that were killed: wires, tables, folders; of network namespaces that are gone, what is left
 * elsewhere. `state`: where the slots of this network namespace are written down.
 * @throws GatewayError LINK_FAILED, NFT_REJECTED
 */
export async function sweep(state: string): Promise<void> {
  await sweepDead(run, state, id => removeFolder(`${basename(state)}-${id}`))
  await sweepGone(dirname(state), removeFolder)
}

function removeFolder(name: string): Promise<void> {
  return rm(`${jobFolders}/${name}`, { recursive: true, force: true })
}
