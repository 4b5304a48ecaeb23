import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileFault, GatewayError } from '../errors.ts'
import { renderPolicyText, safeText } from '../policy/detect/policy-text.ts'
import { importAllowedEndpoints } from '../policy/import.ts'
import { findHardenRunner } from '../policy/import-workflow.ts'
import type { Mode } from '../policy/policy.ts'
import { type Command, parseArguments } from './command.ts'

const usage = `usage: tidegate import --allowed-endpoints TEXT [OPTION…]
       tidegate import --workflow FILE [--job NAME] [OPTION…]

Translates Harden-Runner's settings into a policy on standard output; what
changes its meaning is said on stderr.

  --allowed-endpoints TEXT   its list as it stands: "github.com:443 *.docker.io"
                             (443 when absent; 80 becomes http, any other port
                             tcp; its *. is any number of labels: **.)
  --workflow FILE            the same from each Harden-Runner step of a GitHub
                             workflow and each HardenRunnerInt task of an Azure
                             pipeline; several become several YAML documents
  --job NAME                 only the steps of that job
  --egress-policy MODE       audit or block (default: the step's own, else block)
  --enable-tls BOOL          true: TLS is inspected; false: hosts are checked by
                             SNI only (default: the step's own, else true)

exit: 0 done, 2 something could not be translated (every such entry is named)
`

interface Settings {
  /** What the policy's first line says it came from. */
  readonly from: string
  /** What stands before each remark; empty, or file and line. */
  readonly place: string
  readonly endpoints: string
  readonly mode: string | undefined
  readonly enableTls: string | undefined
}

/** `tidegate import`. */
export const importPolicy: Command = {
  name: 'import',
  summary: "translate another tool's policy",
  usage,
  async run(args, io) {
    const { values } = parseArguments('import', {
      args: [...args],
      options: {
        'allowed-endpoints': { type: 'string' },
        'egress-policy': { type: 'string' },
        'enable-tls': { type: 'string' },
        workflow: { type: 'string' },
        job: { type: 'string' },
      },
    })
    const [endpoints, workflow] = [values['allowed-endpoints'], values.workflow]
    if ((endpoints === undefined) === (workflow === undefined)) {
      throw new GatewayError('USAGE', 'import: give either --allowed-endpoints or --workflow')
    }
    if (values.job !== undefined && workflow === undefined)
      throw new GatewayError('USAGE', 'import: --job goes with --workflow')
    const all: readonly Settings[] =
      workflow === undefined
        ? [
            {
              from: '--allowed-endpoints',
              place: '',
              endpoints: endpoints ?? '',
              mode: values['egress-policy'],
              enableTls: values['enable-tls'],
            },
          ]
        : await fromWorkflow(workflow, resolve(io.cwd, workflow), values, line =>
            io.stderr.write(`tidegate: ${safeText(line)}\n`),
          )

    const faults: string[] = []
    const warnings: string[] = []
    const policies = all.map(settings => policyOf(settings, faults, warnings))
    for (const warning of warnings) io.stderr.write(`tidegate: ${safeText(warning)}\n`)
    if (faults.length > 0) {
      const count = `${faults.length} ${faults.length === 1 ? 'entry' : 'entries'}`
      throw new GatewayError('POLICY_INVALID', `import: ${count} could not be translated`, {
        details: { faults: faults.map(safeText) },
      })
    }
    io.stdout.write(policies.join('---\n'))
    return 0
  },
}

async function fromWorkflow(
  name: string,
  path: string,
  values: {
    readonly job?: string | undefined
    readonly 'egress-policy'?: string | undefined
    readonly 'enable-tls'?: string | undefined
  },
  warn: (line: string) => void,
): Promise<readonly Settings[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new GatewayError('POLICY_UNREADABLE', `import: ${name} cannot be read: ${fileFault(cause)}`, { cause })
  })
  const steps = findHardenRunner(text, name).filter(step => values.job === undefined || step.job === values.job)
  if (steps.length === 0) {
    const where = values.job === undefined ? name : `job '${values.job}' of ${name}`
    throw new GatewayError('POLICY_INVALID', `import: there is no Harden-Runner step or task in ${where}`)
  }
  if (steps.length > 1)
    warn(`${name} has ${steps.length} steps: each YAML document is a policy of its own (--job picks one)`)
  for (const step of steps) {
    if (step.namedPolicy !== undefined)
      warn(`${name}:${step.line}: 'policy: ${step.namedPolicy}' is kept elsewhere and was not read`)
  }
  return steps.map(step => ({
    from: `job ${step.job}, ${name}:${step.line}`,
    place: `${name}:${step.line}: `,
    endpoints: step.allowedEndpoints,
    mode: values['egress-policy'] ?? step.egressPolicy,
    enableTls: values['enable-tls'] ?? step.enableTls,
  }))
}

function policyOf(settings: Settings, faults: string[], warnings: string[]): string {
  const { from, place, endpoints, enableTls } = settings
  const mode: Mode = settings.mode === 'audit' ? 'audit' : 'block'
  if (settings.mode !== undefined && settings.mode !== 'audit' && settings.mode !== 'block') {
    faults.push(`${place}egress-policy is audit or block, not '${settings.mode}'`)
  }
  if (enableTls !== undefined && enableTls !== 'true' && enableTls !== 'false') {
    faults.push(`${place}enable-tls is true or false, not '${enableTls}'`)
  }
  const { rules, ...remarks } = importAllowedEndpoints(endpoints)
  for (const { entry, source, message } of remarks.faults) faults.push(`${place}entry ${entry} '${source}': ${message}`)
  for (const { entry, source, message } of remarks.warnings)
    warnings.push(`${place}entry ${entry} '${source}': ${message}`)
  if (rules.length === 0 && remarks.faults.length === 0) {
    warnings.push(
      `${place}no endpoints are listed, so the policy ${mode === 'audit' ? 'would deny everything in block mode' : 'denies everything'}`,
    )
  }
  return renderPolicyText({
    head: [
      `Imported from Harden-Runner: ${from}.`,
      'Harden-Runner also lets private networks, metadata addresses and its own hosts through unasked; here they need a rule.',
    ],
    mode,
    allow: [{ lines: rules.map(({ rule, source }) => ({ rule, comment: source })) }],
    inspect: enableTls === 'false' ? 'none' : 'all',
  })
}
