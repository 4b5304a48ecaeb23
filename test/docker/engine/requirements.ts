import { existsSync } from 'node:fs'
import type { Service } from '../../lab/servers/internet-offer.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { baseTemplate } from './base-images.ts'
import { findPrograms, onPath } from './programs.ts'

/**
 * Why no engine can be opened here, for `t.test(…, { skip: whyNoDocker() }, …)`; `false` when it can.
 * @throws Error instead of giving a reason to skip when TIDEGATE_REQUIRE_ALL=1.
 */
export function whyNoDocker(services: readonly Service[] = []): string | false {
  const lab = whyNoLab(services)
  if (lab !== false) return lab
  const missing = ['iptables', 'runc', 'tini', 'nsenter', 'setpriv'].filter(name => !onPath(name))
  if (findPrograms() === undefined) missing.push('Docker 24 with compose 2 and buildx')
  if (!existsSync(baseTemplate())) missing.push('base images')
  if (!existsSync('/usr/bin/tini-static')) missing.push('tini-static')
  if (missing.length === 0) return false
  const reason = `needs ${missing.join(', ')} (make setup-docker)`
  if (process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error(reason)
  return reason
}
