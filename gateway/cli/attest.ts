import { addressCases } from '../attest/addresses.ts'
import type { Case, Surroundings } from '../attest/case.ts'
import { confinementCases } from '../attest/confinement.ts'
import { askSummary, defaultGateway, isInsideJob, runFolder, tellSelfTest } from '../attest/job-side.ts'
import { nameCases } from '../attest/names.ts'
import { packetCases } from '../attest/packets.ts'
import { renderComment, renderPlan, renderPoint } from '../attest/tap.ts'
import { tryAll } from '../attest/try-all.ts'
import { GatewayError } from '../errors.ts'
import type { Mode } from '../policy/policy.ts'
import { parseArguments, type Command, type Io } from './command.ts'

const usage = `usage: tidegate attest [--mode audit|block]

Tries the known ways around the gateway from inside a job, against the gateway
of this job, and says of each whether the wall held: TAP version 14 on standard
output, one line a case with its id of docs/threat-model.md. It sends nothing to
anybody's server: its targets are addresses and names that are reserved. Takes
some three seconds. Root, with an engine's default capabilities, tries the most.

  --mode audit|block   what the gateway enforces (default: what it says on
                       job.sock, else block); what audit carries by design is
                       skipped

exit: 0 all held, 1 something did not hold, 2 wrong usage, or not inside a job
`

/** `tidegate attest`: 0 all held, 1 not all, 2 not inside a job. */
export const attest: Command = {
  name: 'attest',
  summary: 'try the ways around the gateway from inside a job',
  usage,
  async run(args, io) {
    const options = { mode: { type: 'string' } } as const
    const { values } = parseArguments('attest', { args: [...args], options })
    const asked = parseMode(values.mode)
    const gatewayAddress = defaultGateway()
    if (!isInsideJob(gatewayAddress)) {
      const message = `attest: this is not inside a job: there is no ${runFolder}/ca.crt, and no wire (docs/attest.md says how to run it)`
      throw new GatewayError('USAGE', message)
    }
    io.stdout.write('TAP version 14\n')
    if (gatewayAddress === undefined) {
      io.stdout.write(`Bail out! the job has no default route: there is no wire to try\n`)
      return 1
    }
    const mode = await findMode(asked, io)
    return attestAll({ gatewayAddress, mode, runFolder }, io)
  },
}

function parseMode(text: string | undefined): Mode | undefined {
  if (text === undefined || text === 'audit' || text === 'block') return text
  throw new GatewayError('USAGE', `attest: --mode is audit or block (see 'tidegate attest --help')`)
}

/** What was asked for, what the gateway says, or the stricter: a case too many fails aloud, one too few would be a lie. */
async function findMode(asked: Mode | undefined, { stdout, signal }: Io): Promise<Mode> {
  let said: Mode | undefined
  try {
    said = (await askSummary(signal))?.mode
  } catch (cause) {
    stdout.write(renderComment(`job.sock does not tell the mode: ${messageOf(cause)}`))
  }
  const mode = asked ?? said ?? 'block'
  const source = asked === undefined ? (said === undefined ? 'assumed' : 'as job.sock says') : 'as asked for'
  stdout.write(renderComment(`mode: ${mode}, ${source}`))
  if (asked !== undefined && said !== undefined && asked !== said)
    stdout.write(renderComment(`job.sock says that the mode is ${said}`))
  return mode
}

async function attestAll(around: Surroundings, io: Io): Promise<number> {
  const { stdout, signal } = io
  const cases: readonly Case[] = [
    ...confinementCases(around),
    ...nameCases(around),
    ...addressCases(around),
    ...packetCases(around),
  ]
  await mark('begin', io)
  stdout.write(renderPlan(cases.length))
  let number = 0
  const counts = { held: 0, broken: 0, skipped: 0 }
  for await (const tried of tryAll(cases, around.mode, signal)) {
    number += 1
    counts[tried.finding.kind] += 1
    stdout.write(renderPoint(number, tried))
  }
  const { broken, skipped } = counts
  await mark({ cases: number, failed: broken, skipped }, io)
  stdout.write(renderComment(`${counts.held} held, ${broken} did not, ${skipped} were not tried`))
  return broken === 0 ? 0 : 1
}

/** The record is to say that the refusals in between were ours; where it cannot, we say so here. */
async function mark(counts: Parameters<typeof tellSelfTest>[0], { stdout, signal }: Io): Promise<void> {
  const phase = counts === 'begin' ? 'begins' : 'ended'
  try {
    if (await tellSelfTest(counts, signal)) return
    if (counts === 'begin')
      stdout.write(renderComment('there is no job.sock: the record does not say that this is a self-test'))
  } catch (cause) {
    stdout.write(renderComment(`the record does not say that the self-test ${phase}: ${messageOf(cause)}`))
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
