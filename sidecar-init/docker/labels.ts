/** On a build's container: the job's name. Containers without it are none of ours. */
export const jobLabel = 'tidegate.job'
/** On a build's container: a policy of the gateway's policy folder. */
export const policyLabel = 'tidegate.policy'
/** On the gateway's container, with the value `gateway`: how the watcher finds it. */
export const roleLabel = 'tidegate.role'
/** On a helper container: the container it was made for. What has it is removed when its watcher is gone. */
export const helperLabel = 'tidegate.helper'
