import { isScalar, type Node } from 'yaml'
import { GatewayError } from '../errors.ts'
import { closest } from './closest.ts'
import { compile } from './compile.ts'
import type { PolicyDocument, ReadUse, UsedFile } from './document.ts'
import { insightKeys, readInsight } from './document-insight.ts'
import { type Entry, isEmpty, SourceFile, startOf } from './document-nodes.ts'
import { readPaths, readRanges, readRules } from './document-rules.ts'
import { type Finding, type Position, renderFinding } from './finding.ts'
import type { Inspect, Policy } from './policy.ts'
import { presetNames } from './presets/preset.ts'
import { quote } from './rule-host.ts'
import { type Effect, isScoped, type Rule } from './rule.ts'

const effects = ['allow', 'deny', 'forbid'] as const satisfies readonly Effect[]
const fragmentKeys = ['version', 'use', ...effects] as const
const policyKeys = ['version', 'mode', 'use', ...effects, 'private', 'tls', 'onLogFailure', ...insightKeys] as const

/**
 * Parses and compiles a policy.
 * @throws GatewayError POLICY_INVALID with every fault in `details.findings` (`Finding[]`, in the order of the files), and as lines
 * of text in `details.faults`
 */
export function parsePolicy(text: string, fileName: string, readUse: ReadUse): Policy {
  const document = parsePolicyDocument(text, fileName, readUse)
  const faults = document.findings.filter(({ severity }) => severity === 'error')
  if (faults.length === 0) return compile(document)
  const count = faults.length === 1 ? '1 fault' : `${String(faults.length)} faults`
  throw new GatewayError('POLICY_INVALID', `policy ${fileName} has ${count}`, {
    details: { file: fileName, faults: faults.map(renderFinding), findings: faults },
  })
}

/** Reads a policy and all it uses; faults are gathered in `findings`, never thrown. Pure but for `readUse`. */
export function parsePolicyDocument(text: string, fileName: string, readUse: ReadUse): PolicyDocument {
  const reader = new Reader(readUse)
  const source = new SourceFile(fileName)
  const root = source.parse(text)
  const entries = new Map(source.entries(root, 'a policy', policyKeys).map(entry => [entry.key, entry]))
  requireVersion(source, entries, 'a policy')
  const modeEntry = entries.get('mode')
  if (modeEntry === undefined)
    source.report(0, 'MISSING_KEY', 'a policy says its mode', 'write mode: block, or mode: audit to watch first')
  const mode = modeEntry === undefined ? undefined : source.word(modeEntry, ['audit', 'block'])
  const privateEntry = entries.get('private')
  const logEntry = entries.get('onLogFailure')
  const rules = reader.rules(source, entries, '', false, [fileName])
  const ranges = privateEntry === undefined ? undefined : readRanges(source, privateEntry)
  const { saysInspect, ...tls } = readTls(source, entries.get('tls'))
  const onLogFailure = logEntry === undefined ? 'deny' : source.word(logEntry, ['deny', 'allow'])
  return {
    file: fileName,
    mode: mode ?? 'block',
    rules,
    ...(ranges === undefined ? {} : { private: ranges }),
    tls,
    onLogFailure: onLogFailure ?? 'deny',
    insight: readInsight(source, entries),
    unsaid: [
      ...(saysInspect ? [] : ['inspect' as const]),
      ...(logEntry === undefined ? ['onLogFailure' as const] : []),
    ],
    uses: reader.uses,
    allowPosition: positionOf(source, entries.get('allow')),
    findings: inOrder([...source.findings, ...reader.findings, ...uninspectable(rules, tls.inspect)]),
  }
}

/** Follows `use`, into files that use others. */
class Reader {
  readonly uses: { readonly name: string; readonly position: Position }[] = []
  readonly findings: Finding[] = []
  readonly #read: ReadUse
  readonly #done = new Set<string>()

  constructor(read: ReadUse) {
    this.#read = read
  }

  rules(
    source: SourceFile,
    entries: ReadonlyMap<string, Entry>,
    origin: string,
    isPreset: boolean,
    trail: readonly string[],
  ): readonly Rule[] {
    const own = effects.flatMap(effect => {
      const list = entries.get(effect)
      return list === undefined ? [] : readRules(source, list, effect, origin, isPreset)
    })
    const use = entries.get('use')
    const used = use === undefined ? [] : source.items(use).flatMap(item => this.#used(source, item, trail))
    return [...own, ...used]
  }

  #used(source: SourceFile, item: Node | null, trail: readonly string[]): readonly Rule[] {
    const name = source.text(item, '`use`', 'name a preset or a file beside the policy')
    if (name === undefined) return []
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/.test(name.text)) {
      source.report(
        name.at,
        'UNKNOWN_USE',
        `not a preset or a file beside the policy: ${quote(name.text)}`,
        'write a preset, or a relative path of letters, digits, `-`, `_`, `.` and `/`, without `..`',
      )
      return []
    }
    const found = this.#read(name.text, source.file)
    if (found === undefined) {
      const near = closest(name.text, presetNames)
      const fix =
        near === undefined ? `use one of ${presetNames.join(', ')}, or put the file beside the policy` : `write ${near}`
      source.report(name.at, 'UNKNOWN_USE', `no preset and no file is called ${quote(name.text)}`, fix)
      return []
    }
    if (trail.includes(found.file)) {
      source.report(
        name.at,
        'USE_CYCLE',
        `${[...trail, found.file].join(' uses ')}, which never ends`,
        'remove this line',
      )
      return []
    }
    if (trail.length === 1) this.uses.push({ name: name.text, position: source.position(name.at) })
    // A file that is used along two ways counts once.
    if (this.#done.has(found.file)) return []
    this.#done.add(found.file)
    return this.#fragment(found, name.text, trail)
  }

  #fragment({ file, text, isPreset }: UsedFile, name: string, trail: readonly string[]): readonly Rule[] {
    const fragment = new SourceFile(file)
    const root = fragment.parse(text)
    const entries = new Map(
      fragment.entries(root, 'a file that is used', fragmentKeys).map(entry => [entry.key, entry]),
    )
    requireVersion(fragment, entries, 'a file that is used')
    const rules = this.rules(fragment, entries, name, isPreset, [...trail, file])
    this.findings.push(...fragment.findings)
    return rules
  }
}

function requireVersion(source: SourceFile, entries: ReadonlyMap<string, Entry>, what: string): void {
  const version = entries.get('version')
  if (version === undefined) {
    source.report(0, 'MISSING_KEY', `${what} says its version`, 'write version: 1')
  } else if (!isScalar(version.value) || version.value.value !== 1) {
    source.report(
      startOf(version.value) ?? version.keyAt,
      'WRONG_VALUE',
      'this gateway reads version 1',
      'write version: 1',
    )
  }
}

function readTls(
  source: SourceFile,
  entry: Entry | undefined,
): PolicyDocument['tls'] & { readonly saysInspect: boolean } {
  let inspect: Inspect | undefined
  let extraCa: readonly string[] = []
  if (entry === undefined || isEmpty(entry.value)) return { inspect: 'all', extraCa, saysInspect: false }
  for (const setting of source.entries(entry.value, '`tls`', ['inspect', 'extraCa'])) {
    if (setting.key === 'inspect') inspect = source.word(setting, ['all', 'rules', 'none']) ?? inspect
    else extraCa = readPaths(source, setting)
  }
  return { inspect: inspect ?? 'all', extraCa, saysInspect: inspect !== undefined }
}

/** Rules on what is inside TLS, under a policy that never looks there: they could only be ignored, so they are faults. */
function uninspectable(rules: readonly Rule[], inspect: Inspect): readonly Finding[] {
  if (inspect !== 'none') return []
  return rules
    .filter(rule => (rule.scheme === 'https' || rule.scheme === 'wss') && isScoped(rule))
    .map(rule => ({
      severity: 'error',
      code: 'NEEDS_INSPECTION',
      what: `\`${rule.text}\` looks inside TLS, and tls.inspect is none`,
      fix: 'write inspect: rules, or name only the host',
      ...rule.position,
    }))
}

function positionOf(source: SourceFile, entry: Entry | undefined): Position | undefined {
  return entry === undefined ? undefined : source.position(entry.keyAt)
}

/** By file in the order of reading, then by place. */
function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const files = [...new Set(findings.map(({ file }) => file))]
  return findings.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  )
}
