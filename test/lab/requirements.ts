import { existsSync } from 'node:fs'
import type { Service } from './servers/internet-offer.ts'

const always: readonly string[] = ['/usr/sbin/ip', '/usr/sbin/nft', '/usr/sbin/sysctl', '/usr/bin/tcpdump']

const forService: Readonly<Partial<Record<Service, readonly string[]>>> = {
  bulk: ['/usr/sbin/nginx'],
  git: ['/usr/bin/git', '/usr/lib/git-core/git-http-backend'],
  ssh: ['/usr/sbin/sshd', '/usr/bin/ssh-keygen'],
}

/**
 * Why a lab with these services cannot be opened here, for `t.test(…, { skip: whyNoLab() }, …)`; `false` when it can.
 * @throws Error instead of giving a reason to skip when TIDEGATE_REQUIRE_ALL=1.
 */
export function whyNoLab(services: readonly Service[] = []): string | false {
  const missing = [...always, ...services.flatMap(service => forService[service] ?? [])].filter(
    file => !existsSync(file),
  )
  const needs = [...(process.getuid?.() === 0 ? [] : ['root']), ...missing]
  if (needs.length === 0) return false
  const reason = `needs ${needs.join(', ')}`
  if (process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error(reason)
  return reason
}
