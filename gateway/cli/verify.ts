import { GatewayError } from '../errors.ts'
import type { ChainStatus } from '../record/chain.ts'
import { readLog } from '../record/log-reader.ts'
import { plural } from '../record/report/words.ts'
import { parseArguments, type Command } from './command.ts'

const usage = `usage: tidegate verify [--head HASH] LOG

Says whether a log is whole and unchanged: every line's number and hash, and the
seal at the end. Names the first line that is wrong. LOG is an egress.ndjson, or
a folder that holds one.

  --head HASH   the log must also end in this hash (SHA-256, hex), as the job
                printed it at its end: the chain shows that no line was edited,
                the head also that the log was not written anew as a whole

exit: 0 intact and sealed, 1 changed or without its seal, 2 the log cannot be
read, or wrong usage
`

/** `tidegate verify`: 0 intact and sealed, 1 broken or unsealed, 2 unreadable. */
export const verify: Command = {
  name: 'verify',
  summary: "check a log's hash chain and seal",
  usage,
  exitCodeOf: error => (error.code === 'LOG_INVALID' && error.details['line'] !== undefined ? 1 : 2),
  async run(args, io) {
    const options = { head: { type: 'string' } } as const
    const { values, positionals } = parseArguments('verify', { args: [...args], options, allowPositionals: true })
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0)
      throw new GatewayError('USAGE', "verify: give one log (see 'tidegate verify --help')")
    const { head } = values
    if (head !== undefined && !/^[0-9a-f]{64}$/i.test(head)) {
      throw new GatewayError('USAGE', 'verify: --head is a SHA-256 in hex, 64 digits')
    }
    const chain = await readLog(path, io.signal)
    const fault = faultOf(chain, head?.toLowerCase())
    if (fault !== undefined) {
      io.stderr.write(`tidegate: ${path}: ${fault}\n`)
      return 1
    }
    io.stdout.write(`${path}: intact and sealed, ${plural(chain.lines, 'line')}\nhead ${chain.head}\n`)
    return 0
  },
}

function faultOf(chain: ChainStatus, head: string | undefined): string | undefined {
  if (chain.state === 'broken') return `broken: ${chain.message}`
  if (chain.state === 'unsealed') return `intact so far, but not sealed: ${chain.message}`
  if (head !== undefined && chain.head !== head) return `not the log that was asked for: its head is ${chain.head}`
  return undefined
}
