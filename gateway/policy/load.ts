import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileFault, GatewayError } from '../errors.ts'
import type { PolicyDocument, ReadUse } from './document.ts'
import { parsePolicy, parsePolicyDocument } from './document-parse.ts'
import type { Policy } from './policy.ts'
import { readPreset } from './presets/preset.ts'

/**
 * Reads and compiles a policy file.
 * @throws GatewayError POLICY_UNREADABLE, or POLICY_INVALID with every fault in `details.faults`
 */
export async function loadPolicy(file: string): Promise<Policy> {
  return parsePolicy(await readPolicyText(file), file, readUse)
}

/**
 * Reads a policy file without compiling it, faults and all: for `check`.
 * @throws GatewayError POLICY_UNREADABLE
 */
export async function loadPolicyDocument(file: string): Promise<PolicyDocument> {
  return parsePolicyDocument(await readPolicyText(file), file, readUse)
}

/** Reads the text of a policy, or of what may be one. @throws GatewayError POLICY_UNREADABLE */
export async function readPolicyText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

/** Presets by name, else files beside the one that names them. */
export const readUse: ReadUse = (name, from) => {
  const preset = readPreset(name)
  if (preset !== undefined) return { ...preset, isPreset: true }
  const file = join(dirname(from), name)
  try {
    return { file, text: readFileSync(file, 'utf8'), isPreset: false }
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw unreadable(file, cause)
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')
}

function unreadable(file: string, cause: unknown): GatewayError {
  return new GatewayError('POLICY_UNREADABLE', `policy ${file} cannot be read: ${fileFault(cause)}`, {
    cause,
    details: { file },
  })
}
