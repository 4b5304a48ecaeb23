import type { NetworkNamespace } from '../../gateway/packet/namespace.ts'

/** The job's network namespace: what is opened or started within `run` belongs to it. */
export type JobSide = Pick<NetworkNamespace, 'run'>

/** For who is in it. */
export const thisSide: JobSide = { run: action => action() }
