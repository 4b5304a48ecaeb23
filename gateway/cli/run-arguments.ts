import { isIP } from 'node:net'
import { basename, resolve } from 'node:path'
import { GatewayError } from '../errors.ts'
import type { Mode } from '../policy/policy.ts'
import { parseArguments } from './command.ts'

/** The command line of `tidegate run`, understood. Paths are absolute. */
export interface RunArguments {
  /** Undefined: none was named; then `tidegate.yaml` of the folder, if there is one. */
  readonly policyFile: string | undefined
  readonly mode: Mode | undefined
  readonly job: string
  readonly out: string | undefined
  readonly failOnDeny: boolean
  /** The baseline that the job is compared with. */
  readonly lock: { readonly file: string; readonly shown: string; readonly frozen: boolean } | undefined
  /** `NAME[:GROUP]` or `UID[:GID]` of the command. */
  readonly user: string | undefined
  /** Where to serve metrics, when at all. */
  readonly metrics: { readonly address: string; readonly port: number } | undefined
  readonly command: readonly [string, ...(readonly string[])]
}

/**
 * Reads what stands behind `tidegate run`.
 * @throws GatewayError USAGE
 */
export function parseRunArguments(args: readonly string[], cwd: string): RunArguments {
  const end = args.indexOf('--')
  const [file, ...rest] = end === -1 ? [] : args.slice(end + 1)
  const { values, positionals } = parseArguments('run', {
    args: end === -1 ? [...args] : args.slice(0, end),
    options: {
      policy: { type: 'string' },
      mode: { type: 'string' },
      job: { type: 'string' },
      out: { type: 'string' },
      'fail-on-deny': { type: 'boolean', default: false },
      user: { type: 'string' },
      lock: { type: 'string' },
      frozen: { type: 'boolean', default: false },
      metrics: { type: 'string' },
    },
    allowPositionals: true,
  })
  if (positionals.length > 0) {
    throw new GatewayError(
      'USAGE',
      `run: write '--' before the command: '${positionals[0]}' stands where options do (tidegate run --policy FILE -- CMD)`,
    )
  }
  if (file === undefined || file === '') {
    throw new GatewayError('USAGE', 'run: there is no command (tidegate run --policy FILE -- CMD [ARG…])')
  }
  for (const name of ['policy', 'out', 'lock'] as const) {
    // As of `--out "$OUT"` where that is not set: it would be this folder.
    if (values[name] === '') throw new GatewayError('USAGE', `run: --${name} is empty`)
  }
  if (values.frozen && values.lock === undefined)
    throw new GatewayError('USAGE', 'run: --frozen needs a baseline (--lock FILE)')
  return {
    policyFile: values.policy === undefined ? undefined : resolve(cwd, values.policy),
    mode: parseMode(values.mode),
    job: parseJobName(values.job ?? defaultJobName(file)),
    out: values.out === undefined ? undefined : resolve(cwd, values.out),
    failOnDeny: values['fail-on-deny'],
    lock:
      values.lock === undefined
        ? undefined
        : { file: resolve(cwd, values.lock), shown: values.lock, frozen: values.frozen },
    user: values.user,
    metrics: parseMetrics(values.metrics),
    command: [file, ...rest],
  }
}

function parseMode(raw: string | undefined): Mode | undefined {
  if (raw === undefined || raw === 'audit' || raw === 'block') return raw
  throw new GatewayError('USAGE', `run: --mode is 'audit' or 'block', not '${raw}'`)
}

function defaultJobName(file: string): string {
  return (
    basename(file)
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 64) || 'job'
  )
}

function parseJobName(raw: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(raw)) return raw
  throw new GatewayError(
    'USAGE',
    `run: --job '${raw}' is not a name (1 to 64 letters, digits, '.', '_', '-', a letter or digit first)`,
  )
}

function parseMetrics(raw: string | undefined): RunArguments['metrics'] {
  if (raw === undefined) return undefined
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(raw)
  const [address = '', port] = [match?.[1] ?? match?.[2], Number(match?.[3])]
  if (isIP(address) === 0 || port > 65_535)
    throw new GatewayError('USAGE', `run: --metrics '${raw}' is not ADDRESS:PORT (127.0.0.1:9090, [::1]:0)`)
  return { address, port }
}
