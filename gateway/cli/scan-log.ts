import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BodyScan, type Sighting } from '../canary/body-scan.ts'
import { canaryFileName, parseCanaryFile } from '../canary/canary-file.ts'
import { makeDecoys } from '../canary/decoys.ts'
import { patternsOf } from '../canary/encodings.ts'
import { Matcher } from '../canary/matcher.ts'
import { placeName } from '../canary/values.ts'
import { fileFault, GatewayError } from '../errors.ts'
import { printable } from '../record/printable.ts'
import { parseArguments, type Command } from './command.ts'

const usage = `usage: tidegate scan-log [--canaries FILE] LOG

Looks through the log of a build system for the canaries of a job (policy:
'canaries: true'): as they are, in base64 (up to three times), base32, hex,
percent-encoded, UTF-16, and in gzip. LOG may be '-' for standard input. What is
found is named, never shown.

  --canaries FILE   the ${canaryFileName} of the job's record (default: the one
                    beside LOG)

exit: 0 nothing was found, 1 a canary is in the log, 2 a file cannot be read, or
wrong usage
`

/** `tidegate scan-log`: 0 nothing found, 1 found, 2 unreadable. */
export const scanLog: Command = {
  name: 'scan-log',
  summary: "look for a job's canaries in another system's log",
  usage,
  async run(args, io) {
    const options = { canaries: { type: 'string' } } as const
    const { values, positionals } = parseArguments('scan-log', { args: [...args], options, allowPositionals: true })
    const [path, ...more] = positionals
    if (path === undefined || path === '' || more.length > 0)
      throw new GatewayError('USAGE', "scan-log: give one log (see 'tidegate scan-log --help')")
    const file = values.canaries ?? join(path === '-' ? '.' : dirname(path), canaryFileName)
    const { job, seed } = parseCanaryFile(await readText(file), file)
    const found = new Map<string, Sighting>()
    await scan(path, seed, io.signal, sighting => {
      const { canary, encoding, packed } = sighting
      found.set([placeName(canary.place), canary.form, encoding, packed].join('\n'), sighting)
    })
    for (const { canary, encoding, packed } of found.values()) {
      io.stdout.write(`${canary.form} of ${placeName(canary.place)}: ${encoding}${packed ? ', packed' : ''}\n`)
    }
    const name = printable(path === '-' ? 'standard input' : path, 200)
    io.stdout.write(
      `${name}: ${found.size === 0 ? 'none' : 'holds some'} of the canaries of job ${printable(job, 255)}\n`,
    )
    return found.size === 0 ? 0 : 1
  },
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new GatewayError('LOG_INVALID', `cannot read ${path}: ${fileFault(cause)}`, { cause })
  }
}

async function scan(
  path: string,
  seed: Buffer,
  signal: AbortSignal,
  found: (sighting: Sighting) => void,
): Promise<void> {
  const body = new BodyScan(new Matcher(patternsOf(makeDecoys(seed).canaries)), '', found)
  const input = path === '-' ? process.stdin : createReadStream(path, { signal })
  try {
    for await (const part of input) body.push(Buffer.from(part))
  } catch (cause) {
    throw new GatewayError('LOG_INVALID', `cannot read ${path}: ${fileFault(cause)}`, { cause })
  }
  body.end()
}
