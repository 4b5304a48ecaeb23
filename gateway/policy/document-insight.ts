import { isMap, isScalar, type Node } from 'yaml'
import { parseHostname } from '../net/hostname.ts'
import { type Entry, isEmpty, type SourceFile, startOf } from './document-nodes.ts'
import { readPaths } from './document-rules.ts'
import type { InsightSettings, InternalPackages } from './insight.ts'
import { quote } from './rule-host.ts'

/** Keys of a policy that say what is looked at beside the flows. */
export const insightKeys = ['integrity', 'packages', 'tokens', 'canaries', 'anomalies'] as const

/** Reads them; faults are reported to `source`. */
export function readInsight(source: SourceFile, entries: ReadonlyMap<string, Entry>): InsightSettings {
  const [integrity, packages, tokens, canaries, anomalies] = insightKeys.map(key => entries.get(key))
  const anomalyWord = anomalies === undefined ? undefined : source.word(anomalies, ['report', 'deny'])
  return {
    ...(integrity === undefined ? {} : { integrity: readIntegrity(source, integrity) }),
    ...(packages === undefined ? {} : { packages: readPackages(source, packages) }),
    ...(tokens === undefined ? {} : { tokens: readTokens(source, tokens) }),
    ...(canaries === undefined ? {} : { canaries: truth(source, canaries) ?? false }),
    ...(anomalyWord === undefined ? {} : { anomalies: anomalyWord }),
  }
}

function readIntegrity(source: SourceFile, entry: Entry): NonNullable<InsightSettings['integrity']> {
  let workspace: string | undefined
  let allow: readonly string[] = []
  let onChange: 'report' | 'fail' = 'report'
  for (const setting of settings(source, entry, ['workspace', 'allow', 'onChange'])) {
    if (setting.key === 'workspace') workspace = absolutePath(source, setting)
    else if (setting.key === 'onChange') onChange = source.word(setting, ['report', 'fail']) ?? onChange
    else allow = texts(source, setting, 'a glob', 'write a path below the workspace such as dist/**', relativeGlob)
  }
  return { ...(workspace === undefined ? {} : { workspace }), allow, onChange }
}

function readPackages(source: SourceFile, entry: Entry): NonNullable<InsightSettings['packages']> {
  let internal: readonly InternalPackages[] = []
  let deny: readonly string[] = []
  let osv: readonly string[] = []
  let minimumAgeDays: number | undefined
  let unknownAge: 'report' | 'deny' | undefined
  let installScripts: 'report' | 'deny' = 'report'
  const keys = ['internal', 'deny', 'osv', 'minimumAgeDays', 'unknownAge', 'installScripts']
  for (const setting of settings(source, entry, keys)) {
    if (setting.key === 'internal') internal = source.items(setting).flatMap(item => readInternal(source, item))
    else if (setting.key === 'deny')
      deny = texts(source, setting, 'a package', 'write a package URL such as pkg:npm/name@<2.0.1', packageUrl)
    else if (setting.key === 'osv') osv = readPaths(source, setting)
    else if (setting.key === 'minimumAgeDays') minimumAgeDays = days(source, setting)
    else if (setting.key === 'unknownAge') unknownAge = source.word(setting, ['report', 'deny'])
    else installScripts = source.word(setting, ['report', 'deny']) ?? installScripts
  }
  const age = {
    ...(minimumAgeDays === undefined ? {} : { minimumAgeDays }),
    ...(unknownAge === undefined ? {} : { unknownAge }),
  }
  return { internal, deny, osv, ...age, installScripts }
}

const internalForm = 'write { scope: "@acme/*", from: npm.acme.example }'

function readInternal(source: SourceFile, item: Node | null): readonly InternalPackages[] {
  if (!isMap<Node, Node | null>(item)) {
    source.report(startOf(item) ?? 0, 'WRONG_VALUE', 'an internal package is a mapping', internalForm)
    return []
  }
  const found = new Map(source.entries(item, 'an internal package', ['scope', 'from']).map(one => [one.key, one]))
  // What is missing has no place of its own.
  const scope = source.text(found.get('scope')?.value ?? item, '`scope`', internalForm)
  const from = source.text(found.get('from')?.value ?? item, '`from`', internalForm)
  if (scope === undefined || from === undefined) return []
  const host = parseHostname(from.text)
  if (host !== from.text) {
    const fix = host === undefined ? internalForm : `write ${host}`
    source.report(from.at, 'BAD_HOST', `not a host name: ${quote(from.text)}`, fix)
  }
  if (!/[^*]/.test(scope.text)) {
    source.report(scope.at, 'WRONG_VALUE', `${quote(scope.text)} names every package`, internalForm)
  }
  return [{ scope: scope.text, from: from.text }]
}

function readTokens(source: SourceFile, entry: Entry): NonNullable<InsightSettings['tokens']> {
  let pin = false
  for (const setting of settings(source, entry, ['pin'])) pin = truth(source, setting) ?? pin
  return { pin }
}

function settings(source: SourceFile, { key, value }: Entry, known: readonly string[]): readonly Entry[] {
  return isEmpty(value) ? [] : source.entries(value, `\`${key}\``, known)
}

function truth(source: SourceFile, { key, keyAt, value }: Entry): boolean | undefined {
  if (isScalar(value) && typeof value.value === 'boolean') return value.value
  source.report(startOf(value) ?? keyAt, 'WRONG_VALUE', `\`${key}\` is true or false`, `write ${key}: true`)
  return undefined
}

function days(source: SourceFile, { key, keyAt, value }: Entry): number | undefined {
  const number = isScalar(value) ? value.value : undefined
  if (typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 3_650) return number
  const what = `\`${key}\` is a whole number of days from 1 to 3650`
  source.report(startOf(value) ?? keyAt, 'WRONG_VALUE', what, `write ${key}: 7`)
  return undefined
}

function absolutePath(source: SourceFile, { key, value }: Entry): string | undefined {
  const fix = `write an absolute path such as /workspace`
  const written = source.text(value, `\`${key}\``, fix)
  if (written === undefined) return undefined
  if (written.text.startsWith('/') && !written.text.includes('\0')) return written.text
  source.report(written.at, 'WRONG_VALUE', `not an absolute path: ${quote(written.text)}`, fix)
  return undefined
}

/** The texts of a list that `isRight`; the others are reported with how to write them. */
function texts(
  source: SourceFile,
  list: Entry,
  what: string,
  fix: string,
  isRight: (text: string) => boolean,
): readonly string[] {
  return source.items(list).flatMap(item => {
    const written = source.text(item, what, fix)
    if (written === undefined) return []
    if (isRight(written.text)) return [written.text]
    source.report(written.at, 'WRONG_VALUE', `not ${what}: ${quote(written.text)}`, fix)
    return []
  })
}

function relativeGlob(text: string): boolean {
  return text !== '' && !text.startsWith('/') && !text.split('/').includes('..') && !text.includes('\0')
}

function packageUrl(text: string): boolean {
  return /^pkg:[a-z][a-z0-9.+-]*\/[^\s?#]+$/.test(text)
}
