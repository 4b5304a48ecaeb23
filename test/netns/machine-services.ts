import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'

/** What the services of the machine say, and what they write down of a visit. */
const greeting = 'a service of the machine'

/** Ports of the services. */
export const servicePorts = { everywhere: 7777, loopback: 7779 } as const

/** Services on the machine where the gateway runs, which a build must not reach: TCP and UDP, both families. */
export interface MachineServices {
  /** One line for each visit. */
  visits(): readonly string[]
}

/** Starts services on every address of the lab's host, and one on loopback alone. They end with the lab. */
export async function startServices(lab: Lab): Promise<MachineServices> {
  const visited = lab.file('visits')
  writeFileSync(visited, '')
  const say = `SYSTEM:echo visited >>${visited}; echo ${greeting}`
  const { everywhere, loopback } = servicePorts
  const listeners = [
    `TCP6-LISTEN:${everywhere},fork,reuseaddr,ipv6only=0`,
    `UDP6-RECVFROM:${everywhere},fork,ipv6only=0`,
    `TCP4-LISTEN:${loopback},fork,reuseaddr,bind=127.0.0.1`,
    `UDP4-RECVFROM:${loopback},fork,bind=127.0.0.1`,
  ]
  for (const listener of listeners) lab.host.spawn('socat', [listener, say], { stdio: 'ignore' })
  await until(async () => {
    const { stdout } = await lab.host.exec('ss', ['-Hltun'])
    return stdout.split('\n').filter(line => /:777[79]\s/.test(line)).length === listeners.length
  })
  return {
    visits: () =>
      readFileSync(visited, 'utf8')
        .split('\n')
        .filter(line => line !== ''),
  }
}

/**
 * Waits for what happens in its own time.
 * @throws Error when it has not come within `limitMs` (default 15,000)
 */
export async function until(holds: () => Promise<boolean> | boolean, limitMs = 15_000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${holds.toString()}`)
    await delay(20)
  }
}
