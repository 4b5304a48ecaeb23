import { GatewayError } from '../errors.ts'
import { renderReport, type ReportFormat } from '../record/report/render.ts'
import { terminalFor } from '../record/report/terminal.ts'
import { summariseLog } from '../record/summarise-log.ts'
import { parseArguments, type Command } from './command.ts'

const usage = `tidegate report: what a job reached, what was refused and why

usage: tidegate report [--format text|markdown|json|html] LOG

  --format FORMAT   text (default; coloured on a terminal, NO_COLOR is honoured), markdown (for a job summary),
                    json (docs/report.md), html (one page, no scripts)

The log is read once and its chain is checked on the way; the report's last line says what came of that.

exit codes: 0; 1 the report is complete but the log was changed or has no seal; 2 the log cannot be read
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
