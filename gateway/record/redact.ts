import type { FlowEvent, ProcessInfo } from './event.ts'
import { maskCommand, maskPath } from './mask.ts'
import { printable } from './printable.ts'

/** Longest values of a line, UTF-16 units; with them a line stays below 32 KiB whatever the job sends. */
const longest = { path: 2_048, command: 1_024, text: 512, word: 64 }

const plainPath = /^[\x21\x22\x24-\x3a\x3c-\x3e\x40-\x7e]*$/
const maybeSecret =
  /gh[opsur]_|github_pat_|glpat-|xox|AKIA|ASIA|eyJ|npm_|pypi-|sk[-_]|AIza|SG\.|dop_|hf_|es\/T|bot\d|hooks\/|:\/\//
const authority = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i

/** The path of a request as it may be written: no query or fragment, no user information, no known token shape, printable. */
export function redactPath(path: string): string {
  if (path.length <= longest.path && plainPath.test(path) && !maybeSecret.test(path)) return path
  const end = path.search(/[?#]/)
  const bare = (end === -1 ? path : path.slice(0, end)).replace(authority, '$1')
  return printable(maskPath(bare.slice(0, longest.path * 2)), longest.path)
}

/** A host as it may be written: whatever a client put before `@` is gone, the rest printable. */
export function redactHost(host: string): string {
  return printable(host.includes('@') ? host.slice(host.lastIndexOf('@') + 1) : host, 255)
}

const known = new WeakMap<ProcessInfo, ProcessInfo>()

function redactProcess(process: ProcessInfo): ProcessInfo {
  const before = known.get(process)
  if (before !== undefined) return before
  const after: ProcessInfo = {
    pid: process.pid,
    exe: printable(process.exe, longest.text),
    command: printable(maskCommand(process.command), longest.command),
    uid: process.uid,
    parents: process.parents.slice(0, 16).map(exe => printable(exe, longest.text)),
    ...(process.container === undefined ? {} : { container: process.container }),
  }
  const isClean =
    after.exe === process.exe &&
    after.command === process.command &&
    after.parents.length === process.parents.length &&
    after.parents.every((exe, index) => exe === process.parents[index])
  const kept = isClean ? process : after
  known.set(process, kept)
  known.set(kept, kept)
  return kept
}

const safeWord = /^[\x20-\x7e]{0,64}$/

/**
 * The event as every sink may see it: this is the one place where what a job sent becomes what we write
 * (contracts.md §3: no query, no credential; bypasses.md P1: nothing that a terminal or a page would obey).
 */
export function redactEvent(event: FlowEvent): FlowEvent {
  const { layer, details } = event
  const host = event.host === undefined ? undefined : redactHost(event.host)
  const asked = event.asked === undefined ? undefined : redactHost(event.asked)
  const path =
    event.path === undefined
      ? undefined
      : layer === 'file'
        ? printable(event.path, longest.path)
        : redactPath(event.path)
  const rule = event.rule === undefined ? undefined : printable(event.rule, longest.text)
  const process = event.process === undefined ? undefined : redactProcess(event.process)
  const method = redactWord(event.method)
  const address = redactWord(event.address)
  const protocol = redactWord(event.protocol)
  // Nearly always there is nothing to do, and then nothing is copied.
  if (
    host === event.host &&
    asked === event.asked &&
    path === event.path &&
    rule === event.rule &&
    process === event.process &&
    method === event.method &&
    address === event.address &&
    protocol === event.protocol &&
    details === undefined
  )
    return event
  const clean: { -readonly [K in keyof FlowEvent]: FlowEvent[K] } = { ...event }
  if (host !== undefined) clean.host = host
  if (asked !== undefined) clean.asked = asked
  if (path !== undefined) clean.path = path
  if (rule !== undefined) clean.rule = rule
  if (process !== undefined) clean.process = process
  if (method !== undefined) clean.method = method
  if (address !== undefined) clean.address = address
  if (protocol !== undefined) clean.protocol = protocol
  if (details !== undefined) clean.details = redactDetails(details)
  return clean
}

function redactWord(word: string | undefined): string | undefined {
  return word === undefined || safeWord.test(word) ? word : printable(word, longest.word)
}

function redactDetails(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { note } = details
  // A sentence is put together from what a job sent.
  const safe = typeof note === 'string' ? { ...details, note: maskPath(note.slice(0, longest.text * 2)) } : details
  return Object.fromEntries(Object.entries(safe).map(([key, fact]) => [key, redactFact(fact)]))
}

function redactFact(fact: unknown): unknown {
  if (typeof fact === 'string') return printable(fact, longest.text)
  if (Array.isArray(fact)) return fact.slice(0, 64).map(redactFact)
  if (typeof fact !== 'object' || fact === null) return fact
  return Object.fromEntries(Object.entries(fact).map(([key, own]) => [key, redactFact(own)]))
}
