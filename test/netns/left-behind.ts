import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Lab } from '../lab/lab.ts'
import { networkLeftovers } from './live-run.ts'

/**
 * Everything outside of a job's record that a gateway could leave on the machine, as text: compare before and after.
 * Other gateways may come and go on this machine meanwhile: only what belongs to the lab's host, or to nobody, is told.
 */
export async function leftBehind(lab: Lab): Promise<string> {
  const { stdout: namespace } = await lab.host.exec('readlink', ['/proc/self/ns/net'])
  const inode = /\d+/.exec(namespace)?.[0] ?? ''
  const state = ['/run/tidegate/jobs', '/run/tidegate/wires'].flatMap(folder =>
    listed(folder)
      .filter(name => name.startsWith(inode))
      .map(name => `${folder}/${name}`),
  )
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => line.includes(`/run/tidegate/jobs/${inode}`))
  return [await networkLeftovers(lab), ...state, ...mounts].filter(line => line !== '').join('\n')
}

function listed(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
