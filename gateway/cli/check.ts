import { checkCompose, isComposeFile } from '../container/compose-check.ts'
import { GatewayError } from '../errors.ts'
import { type Finding, renderFinding } from '../policy/finding.ts'
import { lint } from '../policy/lint.ts'
import { parsePolicyDocument } from '../policy/document-parse.ts'
import { readPolicyText, readUse } from '../policy/load.ts'
import { type Command, type Io, parseArguments } from './command.ts'
import { defaultPolicyFile, policyFileIn } from './default-policy.ts'

const usage = `usage: tidegate check [--strict] [FILE…]

Lints policies (default: ${defaultPolicyFile} of this folder) without a network.
One line for each finding:

  FILE:LINE:COLUMN: error|warning CODE: what is wrong → what to write

Errors are faults for which the gateway refuses the policy. Warnings are rules
that never match, that another rule makes needless, or that open more than they
seem to: public suffixes, shared tenants, hosts that answer DNS over HTTPS, any
protocol on port 443. docs/policy.md explains each code.

A compose file (it has 'services') is checked for how its services hang on
their gateway: what a build has to leave its wire with, networks beside it,
services that start too early. docs/sidecar-init.md explains these codes.

  --strict   warnings count as errors

exit: 0 no errors (there may be warnings), 1 errors, 2 wrong usage or a file
that cannot be read
`

/** `tidegate check`: every fault and doubt of the given policies and compose files. */
export const check: Command = {
  name: 'check',
  summary: 'lint policy files',
  usage,
  async run(args, io) {
    const { files, strict } = parseCommandLine(args, io.cwd)
    const findings: Finding[] = []
    for (const file of files) findings.push(...(await checkFile(file)))
    for (const finding of findings) io.stdout.write(`${renderFinding(finding)}\n`)
    const errors = findings.filter(({ severity }) => severity === 'error').length
    summarise(io, files.length, errors, findings.length - errors)
    return errors > 0 || (strict && findings.length > 0) ? 1 : 0
  },
}

async function checkFile(file: string): Promise<readonly Finding[]> {
  const text = await readPolicyText(file)
  if (isComposeFile(text)) return checkCompose(text, file)
  const document = parsePolicyDocument(text, file, readUse)
  const denied = document.insight.packages?.deny ?? []
  if (denied.length === 0) return lint(document)
  const { checkDenied } = await import('../packages/check-denied.ts')
  return [...lint(document), ...checkDenied(denied, text, file)]
}

function parseCommandLine(
  args: readonly string[],
  cwd: string,
): { readonly files: readonly string[]; readonly strict: boolean } {
  const { values, positionals } = parseArguments('check', {
    args: [...args],
    options: { strict: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const here = policyFileIn(cwd)
  const files = positionals.length === 0 && here !== undefined ? [here] : positionals
  if (files.length === 0)
    throw new GatewayError('USAGE', `check: no policy: name a file or put ${defaultPolicyFile} here`)
  return { files, strict: values.strict }
}

/** On stderr, so that stdout holds findings only. */
function summarise(io: Io, files: number, errors: number, warnings: number): void {
  io.stderr.write(`${count(files, 'file')}: ${count(errors, 'error')}, ${count(warnings, 'warning')}\n`)
}

function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`
}
