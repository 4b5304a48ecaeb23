import { parseArgs } from 'node:util'

/** How the benchmarks are run. */
export interface BenchOptions {
  /** Names of cases; all when undefined. */
  readonly only: readonly string[] | undefined
  /** Names of contenders; all when undefined. */
  readonly contenders: readonly string[] | undefined
  /** Rounds, at least 1; each figure is the median of so many. */
  readonly rounds: number
  readonly quick: boolean
  /** Where all figures go as JSON. */
  readonly json: string | undefined
  /** Write docs/performance.md. */
  readonly write: boolean
}

/** What `--help` says. */
export const usage = `usage: node bench/main.ts [--only CASE,…] [--contenders NAME,…] [--reps N] [--quick] [--json FILE] [--no-write]

Cases: h1 h2 handshakes bulk first memory start dns policy record integrity jobs
Needs root, and what scripts/setup.sh bench installs. Takes about 25 minutes for all cases with 3 rounds.
docs/performance.md is written when all cases were run and --quick was not given.
`

/** Reads the command line; FILTER is as --only, for make. @throws Error for an option that is none */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv, known: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      contenders: { type: 'string' },
      reps: { type: 'string', default: '3' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      'no-write': { type: 'boolean', default: false },
    },
  })
  const only = (values.only ?? env['FILTER'])?.split(',').filter(Boolean)
  const unknown = only?.find(name => !known.includes(name))
  if (unknown !== undefined) throw new Error(`no case is called ${unknown}; there are ${known.join(', ')}`)
  const rounds = Number(values.reps)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--reps is a number of rounds, not ${values.reps}`)
  const contenders = values.contenders?.split(',')
  const isWhole = only === undefined && contenders === undefined && !values.quick
  return {
    only,
    contenders,
    rounds,
    quick: values.quick,
    json: values.json,
    write: isWhole && !values['no-write'],
  }
}
