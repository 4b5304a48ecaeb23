import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../errors.ts'
import { summariseLog } from '../record/summarise-log.ts'
import type { Summary } from '../record/summary-shape.ts'
import { parseArguments, type Command, type Io } from './command.ts'

const usage = `usage: tidegate export --to FORMAT LOG

Prints a job's log in the format of another tool. LOG is an egress.ndjson, or a
folder that holds one.

  --to FORMAT   cyclonedx  the packages that came in, CycloneDX 1.6 (as JSON)
                in-toto    hosts reached and packages that came in, an unsigned
                           in-toto statement (runtime trace 0.2)
                ocsf       a line for each flow, OCSF 1.6 (4001, 4002, 4003)
                ecs        a line for each flow, Elastic Common Schema 9

exit: 0 done, 1 the output is complete but the log was changed or has no seal,
2 the log cannot be read, or wrong usage
`

/** Writes a format; resolves to what the log says of itself. */
type Export = (log: string, io: Io) => Promise<Summary['log']>

const formats = {
  async cyclonedx(log, io) {
    const { renderCycloneDx } = await import('../record/export/cyclonedx.ts')
    const summary = await summariseLog(log, io.signal)
    io.stdout.write(renderCycloneDx(summary))
    return summary.log
  },
  async 'in-toto'(log, io) {
    const { digestOf } = await import('../record/export/inputs.ts')
    const { renderInToto } = await import('../record/export/in-toto.ts')
    const summary = await summariseLog(log, io.signal)
    io.stdout.write(renderInToto(summary, await digestOf(await fileOf(log), io.signal)))
    return summary.log
  },
  async ocsf(log, io) {
    const { ocsfEvent } = await import('../record/export/ocsf.ts')
    return (await import('../record/export/lines.ts')).exportLines(log, ocsfEvent, io.stdout, io.signal)
  },
  async ecs(log, io) {
    const { ecsEvent } = await import('../record/export/ecs.ts')
    return (await import('../record/export/lines.ts')).exportLines(log, ecsEvent, io.stdout, io.signal)
  },
} as const satisfies Readonly<Record<string, Export>>

/** `tidegate export`: 0, 1 when the log is broken or unsealed, 2 when it cannot be read. */
export const exportLog: Command = {
  name: 'export',
  summary: "a job's log in the formats of other tools",
  usage,
  async run(args, io) {
    const options = { to: { type: 'string' } } as const
    const { values, positionals } = parseArguments('export', { args: [...args], options, allowPositionals: true })
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0)
      throw new GatewayError('USAGE', "export: give one log (see 'tidegate export --help')")
    const { to } = values
    if (to === undefined || !isFormat(to)) {
      const known = Object.keys(formats).join(', ')
      throw new GatewayError('USAGE', `export: --to is one of ${known}${to === undefined ? '' : `, not '${to}'`}`)
    }
    const log = await formats[to](path, io)
    if (log.state === 'sealed') return 0
    io.stderr.write(`tidegate: ${path}: ${log.message ?? 'the log is not sealed'}\n`)
    return 1
  },
}

function isFormat(text: string): text is keyof typeof formats {
  return Object.hasOwn(formats, text)
}

async function fileOf(path: string): Promise<string> {
  return (await stat(path)).isDirectory() ? join(path, 'egress.ndjson') : path
}
