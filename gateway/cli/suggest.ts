import { open, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileFault, GatewayError } from '../errors.ts'
import { safeJson } from '../policy/detect/policy-text.ts'
import { knownExfiltration } from '../policy/known-exfiltration.ts'
import { isSharedHost } from '../policy/shared-hosts.ts'
import { type SuggestKnowledge, Suggester } from '../policy/suggest.ts'
import { readLog } from '../policy/suggest-log.ts'
import { renderSuggestion } from '../policy/suggest-text.ts'
import { type Command, type Io, parseArguments } from './command.ts'

const usage = `usage: tidegate suggest [--mode audit|block] [--exact-hosts] [--json] LOG…

Prints the smallest policy under which the jobs in these logs would pass, with
what was seen for each line. LOG is an egress.ndjson, a folder that holds one, or
- for standard input; several are put together.

  --mode MODE      the policy's mode: block (default) or audit
  --exact-hosts    no wildcards in names: without it, three or more names that
                   differ in digits or a hash become one pattern
  --json           the same as JSON

Paths are generalised: ids, hashes and versions become *, many siblings * or **.
Not opened, but listed with why: what was refused, address literals, metadata,
known exfiltration hosts, domains asked for as a DNS tunnel does, what no rule
can say. docs/suggest.md has the details.

exit: 0 done, 2 a log cannot be read or a line of it is broken
`

/** `tidegate suggest`. */
export const suggest: Command = {
  name: 'suggest',
  summary: 'the smallest policy under which observed jobs would pass',
  usage,
  async run(args, io) {
    const { values, positionals } = parseArguments('suggest', {
      args: [...args],
      allowPositionals: true,
      options: {
        mode: { type: 'string', default: 'block' },
        'exact-hosts': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const { mode } = values
    if (mode !== 'audit' && mode !== 'block')
      throw new GatewayError('USAGE', `suggest: --mode is audit or block, not '${mode}'`)
    if (positionals.length === 0) throw new GatewayError('USAGE', "suggest: name a log (see 'tidegate suggest --help')")

    const suggester = new Suggester(knowledge(!values['exact-hosts']))
    let lines = 0
    for (const name of positionals) {
      for await (const line of linesOf(name, io)) {
        io.signal.throwIfAborted()
        suggester.add(line)
        lines += 1
        if (io.stderr.isTTY === true && lines % 100_000 === 0) io.stderr.write(`\r\u001B[K${lines} lines of ${name} …`)
      }
    }
    if (io.stderr.isTTY === true && lines >= 100_000) io.stderr.write('\r\u001B[K')

    const suggestion = suggester.suggestion()
    if (suggestion.overflow > 0)
      io.stderr.write(
        `tidegate: ${suggestion.overflow} flows went to more endpoints than are told apart: the policy is incomplete\n`,
      )
    if (suggestion.lines === 0) io.stderr.write('tidegate: the logs are empty, so the policy denies everything\n')
    io.stdout.write(
      values.json
        ? safeJson(jsonOf({ version: 1, mode, ...suggestion }))
        : renderSuggestion(suggestion, mode, positionals),
    )
    return 0
  },
}

async function* linesOf(name: string, io: Io): ReturnType<typeof readLog> {
  if (name === '-') {
    yield* readLog(process.stdin, 'standard input')
    return
  }
  const path = resolve(io.cwd, name)
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true
  const file = isFolder ? join(name, 'egress.ndjson') : name
  try {
    await using handle = await open(resolve(io.cwd, file))
    yield* readLog(handle.createReadStream({ autoClose: false }), name)
  } catch (cause) {
    if (cause instanceof GatewayError || io.signal.aborted) throw cause
    throw new GatewayError('LOG_INVALID', `${file} cannot be read: ${fileFault(cause)}`, { cause })
  }
}

function knowledge(wildcards: boolean): SuggestKnowledge {
  return { wildcards, forbiddenBy: knownExfiltration, isShared: isSharedHost }
}

/** Maps have no JSON of their own. */
function jsonOf(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  if (Array.isArray(value)) return value.map(jsonOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, jsonOf(member)]))
}
