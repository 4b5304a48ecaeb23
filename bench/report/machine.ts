import { availableParallelism, cpus, release, totalmem } from 'node:os'
import type { Contender } from '../contenders/contender.ts'

/** What the figures were measured on, one fact a line, without anything that names the machine. */
export async function describeMachine(contenders: readonly Contender[]): Promise<readonly string[]> {
  const model = cpus()[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown'
  // The end of a release tells who built it, which is nobody's business.
  const kernel = /^\d+\.\d+(?:\.\d+)?/.exec(release())?.[0] ?? 'unknown'
  const programs = await Promise.all(contenders.map(async one => `${one.name} ${await one.version()}`.trim()))
  return [
    `${availableParallelism()} cores of ${model} (virtual), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${kernel}, Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
    programs.filter(text => text !== 'direct').join(', '),
  ]
}
