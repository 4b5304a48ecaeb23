import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type YAMLMap } from 'yaml'
import { GatewayError } from '../errors.ts'
import { scalarText } from './detect/entry.ts'

/** The settings of one Harden-Runner step or task. */
export interface HardenRunnerStep {
  /** The job it is in, or `steps` where there are no jobs. */
  readonly job: string
  /** 1-based. */
  readonly line: number
  readonly egressPolicy: string | undefined
  readonly enableTls: string | undefined
  readonly allowedEndpoints: string
  /** Names a policy kept elsewhere, which is not in the workflow. */
  readonly namedPolicy: string | undefined
}

/**
 * Finds Harden-Runner in a GitHub workflow (`uses: …/harden-runner@…`) or an Azure pipeline (`task: HardenRunnerInt@0`).
 * @throws GatewayError POLICY_INVALID when the file is not YAML
 */
export function findHardenRunner(text: string, fileName: string): readonly HardenRunnerStep[] {
  const counter = new LineCounter()
  const found: HardenRunnerStep[] = []
  const walk = (node: unknown, job: string, depth: number): void => {
    if (depth > 64 || isAlias(node)) return
    if (isSeq(node)) for (const item of node.items) walk(item, job, depth + 1)
    if (!isMap(node)) return
    const step = stepOf(node, job, counter)
    if (step !== undefined) found.push(step)
    // Azure names a job by a key of its own, GitHub by the key it lies under.
    const named = textOf(node, 'job') ?? textOf(node, 'deployment') ?? job
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      if (name === 'jobs' && isMap(value)) {
        for (const each of value.items) walk(each.value, isScalar(each.key) ? String(each.key.value) : named, depth + 2)
      } else walk(value, named, depth + 1)
    }
  }
  try {
    for (const document of parseAllDocuments(text, { lineCounter: counter, logLevel: 'silent' })) {
      const fault = document.errors[0]
      if (fault !== undefined) {
        const { line, col } = counter.linePos(fault.pos[0])
        throw new GatewayError(
          'POLICY_INVALID',
          `${fileName}:${line}:${col}: not valid YAML: ${fault.message.split('\n')[0]}`,
        )
      }
      walk(document.contents, 'steps', 0)
    }
  } catch (error) {
    if (error instanceof RangeError)
      throw new GatewayError('POLICY_INVALID', `${fileName}: nested too deeply`, { cause: error })
    throw error
  }
  return found
}

function stepOf(node: YAMLMap, job: string, counter: LineCounter): HardenRunnerStep | undefined {
  const isAction = /^[^/@\s]+\/harden-runner(?:@|$)/.test(textOf(node, 'uses') ?? '')
  const isTask = /^HardenRunner\w*@/.test(textOf(node, 'task') ?? '')
  if (!isAction && !isTask) return undefined
  const settings = node.get(isAction ? 'with' : 'inputs', true)
  const setting = (dashed: string, camel: string): string | undefined =>
    isMap(settings) ? (textOf(settings, dashed) ?? textOf(settings, camel)) : undefined
  return {
    job,
    line: node.range ? counter.linePos(node.range[0]).line : 1,
    egressPolicy: setting('egress-policy', 'egressPolicy'),
    enableTls: setting('enable-tls', 'enableTls'),
    allowedEndpoints: setting('allowed-endpoints', 'allowedEndpoints') ?? '',
    namedPolicy: setting('policy', 'policy'),
  }
}

function textOf(node: YAMLMap, key: string): string | undefined {
  const value = node.get(key, true)
  return isScalar(value) ? scalarText(value.value) : undefined
}
