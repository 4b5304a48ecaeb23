import { GatewayError } from '../errors.ts'
import { withMode } from '../policy/compile.ts'
import type { Carriage } from '../policy/decision.ts'
import { explainFlow, type Explanation, explainReason, type Step } from '../policy/explain.ts'
import { parseExplainTarget } from '../policy/explain-target.ts'
import { knownMethods } from '../policy/lint-tables.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Mode, Policy } from '../policy/policy.ts'
import { type Command, parseArguments } from './command.ts'
import { defaultPolicyFile, policyFileIn } from './default-policy.ts'

const usage = `usage: tidegate explain [--policy FILE] [--mode audit|block] [METHOD] TARGET…

Says what the policy decides about each TARGET at every layer that a flow meets,
which rule decides, and the line to add where nothing allows it. Nothing is
resolved or dialled.

  --policy FILE  the policy (default: ${defaultPolicyFile} of this folder)
  --mode MODE    decide as if the policy had this mode: audit or block
  METHOD         such as GET or POST; GET when left out
  TARGET         [scheme://]host[:port][/path]; https when there is no scheme; a
                 query is ignored, as rules ignore it; or a package URL such
                 as pkg:npm/left-pad@1.3.0 (docs/packages.md)

exit: 0 every target is allowed, 1 one is denied (or would be, in audit),
2 wrong usage or a faulty policy
`

/** `tidegate explain`: the decision on a destination, with its rule and reason. */
export const explain: Command = {
  name: 'explain',
  summary: 'the decision on one destination, without a network',
  usage,
  async run(args, io) {
    const { file, mode, method, targets } = parseCommandLine(args, io.cwd)
    const parsed = targets.filter(text => !isPackage(text)).map(text => ({ text, ...parseExplainTarget(text, method) }))
    const policy = await loadForExplain(file, mode)
    let isAllowed = true
    for (const text of targets.filter(isPackage)) {
      const { explainPackage } = await import('../packages/explain-package.ts')
      const explanation = await explainPackage(text, policy.insight.packages, policy.mode)
      io.stdout.write(`${explanation.text}\n`)
      isAllowed &&= explanation.isAllowed
    }
    for (const { text, transport, flow, line } of parsed) {
      const explanation = explainFlow(policy, transport, flow)
      const title = flow.kind === 'request' ? `${flow.method} ${text}` : text
      io.stdout.write(`${render(title, line, explanation)}\n`)
      isAllowed &&= explanation.outcome.decision.verdict === 'allow'
    }
    return isAllowed ? 0 : 1
  },
}

function isPackage(text: string): boolean {
  return text.startsWith('pkg:')
}

interface CommandLine {
  readonly file: string
  readonly mode: Mode | undefined
  readonly method: string | undefined
  readonly targets: readonly string[]
}

function parseCommandLine(args: readonly string[], cwd: string): CommandLine {
  const { values, positionals } = parseArguments('explain', {
    args: [...args],
    options: { policy: { type: 'string' }, mode: { type: 'string' } },
    allowPositionals: true,
  })
  const [first, ...rest] = positionals
  const isMethod = first !== undefined && /^[A-Z][A-Z_-]*$/.test(first)
  const targets = isMethod ? rest : positionals
  const file = values.policy ?? policyFileIn(cwd)
  if (file === undefined)
    throw new GatewayError('USAGE', `explain: no policy: name one with --policy FILE or put ${defaultPolicyFile} here`)
  if (targets.length === 0) {
    const after = isMethod ? ` after the method ${first}` : ''
    throw new GatewayError('USAGE', `explain: name a target${after} (see 'tidegate explain --help')`)
  }
  const late = targets.find(text => knownMethods.has(text))
  if (late !== undefined)
    throw new GatewayError('USAGE', `explain: one METHOD, before the targets: ${late} stands among them`)
  const { mode } = values
  if (mode !== undefined && mode !== 'audit' && mode !== 'block') {
    throw new GatewayError('USAGE', `explain: --mode is audit or block, not '${mode}'`)
  }
  return { file, mode, method: isMethod ? first : undefined, targets }
}

async function loadForExplain(file: string, mode: Mode | undefined): Promise<Policy> {
  const policy = await loadPolicy(file)
  return mode === undefined ? policy : withMode(policy, mode)
}

function render(title: string, line: string, { steps, outcome, unread }: Explanation): string {
  const lines = steps.map(step => `  ${step.destination.kind.padEnd(8)}  ${describe(step)}`)
  const note = unread && outcome.decision.verdict !== 'deny' ? ['  passed unread: methods and paths are not seen'] : []
  return [title, ...lines, ...note, `  = ${conclusion(outcome, line)}`].join('\n')
}

function describe({ destination, decision }: Step): string {
  const how = decision.verdict === 'deny' || destination.kind === 'name' ? '' : carried(decision.carriage)
  const limit =
    decision.verdict === 'allow' && decision.maxRequestBytes !== undefined
      ? `, at most ${String(decision.maxRequestBytes)} bytes of body`
      : ''
  return `${decision.verdict.padEnd(7)}  ${decision.rule ?? `(${decision.reason})`}${how}${limit}`
}

function carried(carriage: Carriage): string {
  const ways = [
    carriage.inspectTls ? 'TLS inspected' : '',
    carriage.passTls ? 'TLS passed by SNI' : '',
    carriage.http ? 'plain HTTP' : '',
    carriage.raw ? 'any protocol' : '',
  ].filter(way => way !== '')
  return ways.length === 0 ? '' : `  [${ways.join(', ')}]`
}

function conclusion({ decision }: Step, line: string): string {
  if (decision.verdict === 'allow') return 'allow'
  const verdict = decision.verdict === 'deny' ? 'deny' : 'observe (audit carries it, block would deny)'
  const because = `${verdict}, ${decision.reason}: ${explainReason(decision.reason)}`
  if (decision.reason === 'forbidden' || decision.reason === 'denied-by-rule') {
    return `${because}\n    no line can allow it while ${decision.rule ?? 'the rule'} stands`
  }
  if (decision.reason === 'private-address') return `${because}\n    no line can allow it`
  return `${because}\n    to allow it: - ${line}`
}
