import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import { fileFault, GatewayError } from '../errors.ts'
import { type Config, configSchema } from './schema.ts'

/**
 * Reads the configuration of `serve`. Files it names are found from the folder it is in.
 * @throws GatewayError CONFIG_INVALID with every fault in `details.faults`
 */
export async function loadConfig(file: string): Promise<Config> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new GatewayError('CONFIG_INVALID', `the configuration ${file} cannot be read: ${fileFault(cause)}`, { cause })
  }
  return parseConfig(text, file)
}

/**
 * Reads the text of a configuration; `file` is where it stands.
 * @throws GatewayError CONFIG_INVALID with every fault in `details.faults`
 */
export function parseConfig(text: string, file: string): Config {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true })
  const place = (offset: number): string => {
    const { line, col } = counter.linePos(offset)
    return `${file}:${line}:${col}`
  }
  if (document.errors.length > 0)
    throw invalid(document.errors.map(({ pos, message }) => `${place(pos[0])}: ${message}`))
  const result = configSchema.safeParse(document.toJS())
  if (!result.success)
    throw invalid(
      result.error.issues.map(issue => {
        const keys = issue.path.map(String)
        // What is wrong with a key stands one level below.
        const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
        return `${place(offsetOf(document, keys))}: ${keys.join('.') || '(the file)'}: ${message}`
      }),
    )
  return withPaths(result.data, dirname(file))
}

/** Where the value stands, or what is nearest to where it should. */
function offsetOf(document: Document, path: readonly string[]): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function withPaths(config: Config, folder: string): Config {
  const jobs = Object.fromEntries(
    Object.entries(config.jobs).map(([name, entry]) => {
      const { policy, lock } = entry
      const files = {
        ...(policy === undefined ? {} : { policy: resolve(folder, policy) }),
        ...(lock === undefined ? {} : { lock: resolve(folder, lock) }),
      }
      return [name, { ...entry, ...files }]
    }),
  )
  return {
    ...config,
    jobs,
    ...(config.policyFolder === undefined ? {} : { policyFolder: resolve(folder, config.policyFolder) }),
  }
}

function invalid(faults: readonly string[]): GatewayError {
  const count = `${faults.length} fault${faults.length === 1 ? '' : 's'}`
  return new GatewayError('CONFIG_INVALID', `the configuration has ${count}`, { details: { faults } })
}
