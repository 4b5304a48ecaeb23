import type { Metrics } from './metrics.ts'

/** Metrics that nobody reads: of a gateway that serves none, which so is spared what counts them. */
export const noMetrics: Metrics = {
  sink: { write: ignore },
  log: { written: ignore, failed: ignore },
  dnsAnswered: ignore,
  upstreamConnected: ignore,
  handshake: ignore,
  leafMinted: ignore,
  openJob: () => ({ attached: ignore, enforcing: ignore, rulesetIntact: ignore, [Symbol.dispose]: ignore }),
  policiesCurrent: ignore,
  ownJob: ignore,
  expose: async () => ({ contentType: 'text/plain', body: '' }),
}

function ignore(): void {}
