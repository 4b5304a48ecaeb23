import type { Observation } from './suggest-log.ts'

/** What was seen of one rule's traffic. */
export interface Evidence {
  /** Requests, connections or datagram flows. */
  count: number
  bytesSent: number
  bytesReceived: number
  /** The earliest start, RFC 3339; empty when no line said. */
  first: string
  /** Executables and how often each; at most eight are told apart. */
  readonly programs: Map<string, number>
}

const mostPrograms = 8

/** Evidence of nothing yet. */
export function noEvidence(): Evidence {
  return { count: 0, bytesSent: 0, bytesReceived: 0, first: '', programs: new Map() }
}

/** Counts one line. */
export function countLine(evidence: Evidence, line: Observation): void {
  evidence.count += 1
  evidence.bytesSent += line.bytesSent ?? 0
  evidence.bytesReceived += line.bytesReceived ?? 0
  if (line.time !== undefined && (evidence.first === '' || line.time < evidence.first)) evidence.first = line.time
  if (line.program !== undefined) countProgram(evidence, line.program, 1)
}

/** Adds what `other` saw. */
export function absorbEvidence(evidence: Evidence, other: Evidence): void {
  evidence.count += other.count
  evidence.bytesSent += other.bytesSent
  evidence.bytesReceived += other.bytesReceived
  if (other.first !== '' && (evidence.first === '' || other.first < evidence.first)) evidence.first = other.first
  for (const [program, count] of other.programs) countProgram(evidence, program, count)
}

function countProgram({ programs }: Evidence, program: string, count: number): void {
  const name = programs.has(program) || programs.size < mostPrograms ? program : 'others'
  programs.set(name, (programs.get(name) ?? 0) + count)
}

/** `12 requests by npm and node, 34 kB in, 2 kB out; first seen 2026-01-01T00:00:00.000Z`. */
export function evidenceText(evidence: Evidence, noun: string): string {
  const programs = [...evidence.programs].toSorted((a, b) => b[1] - a[1]).map(([name]) => name)
  const by =
    programs.length === 0 ? '' : ` by ${programs.slice(0, 3).join(', ')}${programs.length > 3 ? ' and others' : ''}`
  const counted = `${evidence.count} ${noun}${evidence.count === 1 ? '' : 's'}`
  const bytes = `, ${sizeText(evidence.bytesReceived)} in, ${sizeText(evidence.bytesSent)} out`
  return `${counted}${by}${bytes}${evidence.first === '' ? '' : `; first seen ${evidence.first}`}`
}

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(1)} GB`
}
