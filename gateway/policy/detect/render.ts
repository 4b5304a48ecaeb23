import type { Mode } from '../policy.ts'
import { type Finding, type Place, placeText } from './finding.ts'
import { renderPolicyText, type TextLine } from './policy-text.ts'

/** What `detect` found, put together: each rule once, with all the places that call for it. */
export interface Detection {
  readonly use: readonly { readonly preset: string; readonly places: readonly Place[] }[]
  readonly allow: readonly { readonly tool: string; readonly rule: string; readonly places: readonly Place[] }[]
  readonly notes: readonly { readonly tool: string; readonly text: string; readonly places: readonly Place[] }[]
  readonly warnings: readonly { readonly text: string; readonly place: Place }[]
}

/** Puts findings together: equal rules become one, and a rule that a wider one covers gives its evidence to that. Pure. */
export function gatherFindings(findings: readonly Finding[]): Detection {
  const rules = new Map<string, { tool: string; rule: string; places: Place[] }>()
  const notes = new Map<string, { tool: string; text: string; places: Place[] }>()
  const use = new Map<string, { preset: string; places: Place[] }>()
  const warnings: { text: string; place: Place }[] = []
  for (const finding of findings) {
    switch (finding.kind) {
      case 'rule':
        added(rules, finding.rule, { tool: finding.tool, rule: finding.rule, places: [] }, finding.place)
        break
      case 'preset':
        added(use, finding.preset, { preset: finding.preset, places: [] }, finding.place)
        break
      case 'note':
        added(
          notes,
          `${finding.tool}\0${finding.text}`,
          { tool: finding.tool, text: finding.text, places: [] },
          finding.place,
        )
        break
      case 'warning':
        warnings.push({ text: finding.text, place: finding.place })
        break
    }
  }
  // The widest first, so that evidence goes to a rule that stays.
  const open = [...rules.values()]
    .filter(({ rule }) => rule.endsWith('/**'))
    .toSorted((a, b) => a.rule.length - b.rule.length)
  for (const narrow of rules.values()) {
    const wide = open.find(({ rule }) => rule !== narrow.rule && covers(rule, narrow.rule))
    if (wide === undefined) continue
    for (const place of narrow.places) addPlace(wide.places, place)
    rules.delete(narrow.rule)
  }
  return { use: [...use.values()], allow: [...rules.values()], notes: [...notes.values()], warnings }
}

function added<Value extends { readonly places: Place[] }>(
  map: Map<string, Value>,
  key: string,
  fresh: Value,
  place?: Place,
): void {
  const value = map.get(key) ?? fresh
  map.set(key, value)
  if (place !== undefined) addPlace(value.places, place)
}

function addPlace(places: Place[], place: Place): void {
  if (!places.some(other => other.file === place.file && other.line === place.line)) places.push(place)
}

/** `GET https://a.test/x/**` covers `GET https://a.test/x` and all below it. */
function covers(wide: string, narrow: string): boolean {
  const base = wide.slice(0, -'/**'.length)
  return narrow === base || narrow.startsWith(`${base}/`)
}

/** The detection as a whole policy, grouped by tool, with where each line was found. Pure. */
export function renderDetection(detection: Detection, mode: Mode, projectName: string): string {
  const tools = [...new Set([...detection.allow, ...detection.notes].map(({ tool }) => tool))]
  const warnings = detection.warnings.map(({ text, place }) => `${placeText(place)}: ${text}`)
  return renderPolicyText({
    head: [
      `What ${projectName} needs, by its own files and the settings of the tools on this machine (tidegate detect).`,
      'Read it, run the build in audit, then let `tidegate suggest` compare.',
    ],
    mode,
    use: detection.use.map(({ preset, places }) => ({ preset, comment: placesText(places) })),
    allow: tools.map(tool => ({
      title: tool,
      lines: [
        ...detection.allow
          .filter(each => each.tool === tool)
          .toSorted((a, b) => byTarget(a.rule, b.rule))
          .map(({ rule, places }): TextLine => ({ rule, comment: placesText(places) })),
        ...detection.notes
          .filter(each => each.tool === tool)
          .map(({ text, places }): TextLine => ({
            comment: places.length === 0 ? `${tool}: ${text}` : `${tool}: ${text} (${placesText(places)})`,
          })),
      ],
    })),
    ...(warnings.length === 0 ? {} : { tail: ['', 'Could not be used:', ...warnings] }),
  })
}

function byTarget(a: string, b: string): number {
  const [left, right] = [a, b].map(rule => rule.replace(/^\S+ /, ''))
  return left === right || left === undefined || right === undefined ? (a < b ? -1 : 1) : left < right ? -1 : 1
}

function placesText(places: readonly Place[]): string {
  const shown = places.slice(0, 3).map(placeText).join(', ')
  return places.length > 3 ? `${shown} and ${places.length - 3} more` : shown
}
