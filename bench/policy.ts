// Nanoseconds for one decision with 10, 1,000 and 10,000 rules: `node bench/policy.ts`.
import { parseHostname } from '../gateway/net/hostname.ts'
import { parsePort } from '../gateway/net/port.ts'
import { decide } from '../gateway/policy/decide.ts'
import type { Destination } from '../gateway/policy/decision.ts'
import { parsePolicy } from '../gateway/policy/document-parse.ts'
import type { Policy } from '../gateway/policy/policy.ts'

const rounds = 7
const decisionsPerRound = 100_000

/** A policy of `count` rules: exact hosts, wildcards, globs, one host with many paths, and refusals. */
function policyOf(count: number): Policy {
  const lines = Array.from({ length: count }, (_, index) => {
    const n = String(index)
    switch (index % 5) {
      case 0:
        return `  - host${n}.example.com`
      case 1:
        return `  - "**.zone${n}.example.net"`
      case 2:
        return `  - "build*.zone${n}.example.net"`
      case 3:
        return `  - GET,HEAD https://api.example.com/repos/owner${n}/**`
      default:
        return `  - tcp://host${n}.example.com:22`
    }
  })
  const text = `version: 1\nmode: block\nallow:\n${lines.join('\n')}\nforbid:\n  - "**.example.org"\n`
  return parsePolicy(text, 'bench.yaml', () => undefined)
}

function destinationsOf(count: number): readonly (readonly [string, Destination])[] {
  const port = parsePort(443)
  const host = parseHostname(`host${String(Math.floor(count / 2 / 5) * 5)}.example.com`)
  const deep = parseHostname(`a.b.zone${String(Math.floor(count / 2 / 5) * 5 + 1)}.example.net`)
  const api = parseHostname('api.example.com')
  const unknown = parseHostname('nobody.example.test')
  if (port === undefined || host === undefined || deep === undefined || api === undefined || unknown === undefined) {
    throw new Error('the benchmark has a name that is none')
  }
  const path = `/repos/owner${String(Math.floor(count / 2 / 5) * 5 + 3)}/tool/releases`
  return [
    ['name, exact rule', { kind: 'name', host }],
    ['endpoint, wildcard rule', { kind: 'endpoint', transport: 'tcp', host: deep, port }],
    ['request, one of many paths', { kind: 'request', scheme: 'https', host: api, port, method: 'GET', path }],
    ['request, refused', { kind: 'request', scheme: 'https', host: api, port, method: 'POST', path: '/graphql' }],
    ['name, refused', { kind: 'name', host: unknown }],
  ]
}

/** The median of the rounds, in nanoseconds for one decision. */
function measure(policy: Policy, destination: Destination): number {
  const samples = Array.from({ length: rounds }, () => {
    const start = process.hrtime.bigint()
    for (let index = 0; index < decisionsPerRound; index++) decide(policy, destination)
    return Number(process.hrtime.bigint() - start) / decisionsPerRound
  })
  return samples.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0
}

const counts = [10, 1_000, 10_000]
const columns = counts.map(count => ({ count, policy: policyOf(count), destinations: destinationsOf(count) }))
process.stdout.write(
  `${'ns per decision, rules:'.padEnd(30)}${counts.map(count => String(count).padStart(9)).join('')}\n`,
)
for (const [row, [title]] of destinationsOf(10).entries()) {
  const figures = columns.map(({ policy, destinations }) => {
    const destination = destinations[row]?.[1]
    return destination === undefined ? NaN : measure(policy, destination)
  })
  process.stdout.write(`${title.padEnd(30)}${figures.map(figure => figure.toFixed(0).padStart(9)).join('')}\n`)
}
