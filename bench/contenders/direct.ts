import type { Contender } from './contender.ts'
import { runningWithout } from './daemon.ts'

/** No gateway: the load runs on the host itself, with one wire less on its way than everybody else. */
export const direct: Contender = {
  name: 'direct',
  protocols: ['h1', 'h2'],
  version: async () => '',
  open: async rig => runningWithout('direct', rig.host, rig.lab.ca.certPath),
}
