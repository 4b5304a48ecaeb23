import { parseHostname } from '../../gateway/net/hostname.ts'
import { parsePort } from '../../gateway/net/port.ts'
import { decide } from '../../gateway/policy/decide.ts'
import type { Destination } from '../../gateway/policy/decision.ts'
import { parsePolicy } from '../../gateway/policy/document-parse.ts'
import type { Policy } from '../../gateway/policy/policy.ts'
import type { Case } from './case.ts'

const decisions = 100_000
const ruleCounts = [10, 1_000, 10_000]

/** Nanoseconds for one decision, by the number of rules; the figure kept is that of the slowest kind of destination. */
export const policy: Case = {
  name: 'policy',
  async run(bench) {
    for (const count of ruleCounts) {
      const rules = policyOf(count)
      for (let round = 0; round < bench.rounds; round += 1) {
        const costs = destinationsOf(count).map(([title, destination]) => [title, measure(rules, destination)] as const)
        bench.samples.add(`policy.${count}`, 'tidegate', Math.max(...costs.map(([, cost]) => cost)))
        bench.say(`${count} rules: ${costs.map(([title, cost]) => `${title} ${cost.toFixed(0)} ns`).join(', ')}`)
      }
    }
  },
}

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
  // Rules in the middle of the list, one of each kind.
  const middle = Math.floor(count / 2 / 5) * 5
  const port = parsePort(443)
  const host = parseHostname(`host${middle}.example.com`)
  const deep = parseHostname(`a.b.zone${middle + 1}.example.net`)
  const api = parseHostname('api.example.com')
  const unknown = parseHostname('nobody.example.test')
  if (port === undefined || host === undefined || deep === undefined || api === undefined || unknown === undefined) {
    throw new Error('the benchmark has a name that is none')
  }
  const path = `/repos/owner${middle + 3}/tool/releases`
  return [
    ['exact name', { kind: 'name', host }],
    ['wildcard endpoint', { kind: 'endpoint', transport: 'tcp', host: deep, port }],
    ['one of many paths', { kind: 'request', scheme: 'https', host: api, port, method: 'GET', path }],
    ['refused request', { kind: 'request', scheme: 'https', host: api, port, method: 'POST', path: '/graphql' }],
    ['refused name', { kind: 'name', host: unknown }],
  ]
}

function measure(rules: Policy, destination: Destination): number {
  for (let index = 0; index < decisions / 10; index += 1) decide(rules, destination)
  const start = process.hrtime.bigint()
  for (let index = 0; index < decisions; index += 1) decide(rules, destination)
  return Number(process.hrtime.bigint() - start) / decisions
}
