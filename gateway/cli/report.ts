import { GatewayError } from '../errors.ts'
import { renderReport, type ReportFormat } from '../record/report/render.ts'
import { terminalFor } from '../record/report/terminal.ts'
import { summariseLog } from '../record/summarise-log.ts'
import { parseArguments, type Command } from './command.ts'

const usage = `usage: tidegate report [--format text|markdown|json|html] LOG

Prints what a job reached, and what was refused and why. LOG is an egress.ndjson,
or a folder that holds one. Its chain is checked on the way, and the end of the
report says what came of that.

  --format FORMAT   text (default; in colour on a terminal), markdown (for a job
                    summary), json (docs/report.md), html (one page, no scripts)

exit: 0 done, 1 the report is complete but the log was changed or has no seal,
2 the log cannot be read, or wrong usage
`

/** `tidegate report`: 0, 1 when the log is broken or unsealed, 2 when it cannot be read. */
export const report: Command = {
  name: 'report',
  summary: 'the report of a job from its log',
  usage,
  async run(args, io) {
    const options = { format: { type: 'string', default: 'text' } } as const
    const { values, positionals } = parseArguments('report', { args: [...args], options, allowPositionals: true })
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0)
      throw new GatewayError('USAGE', "report: give one log (see 'tidegate report --help')")
    const { format } = values
    if (!isFormat(format)) {
      throw new GatewayError(
        'USAGE',
        `report: --format is one of ${Object.keys(renderReport).join(', ')}, not '${format}'`,
      )
    }
    const summary = await summariseLog(path, io.signal)
    io.stdout.write(renderReport[format](summary, terminalFor(io.stdout, io.env)))
    if (summary.log.state === 'sealed') return 0
    io.stderr.write(`tidegate: ${path}: ${summary.log.message ?? 'the log is not sealed'}\n`)
    return 1
  },
}

function isFormat(text: string): text is ReportFormat {
  return Object.hasOwn(renderReport, text)
}
