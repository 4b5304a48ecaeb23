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
  }
  known.set(process, after)
  known.set(after, after)
  return after
}

const safeWord = /^[\x20-\x7e]{0,64}$/

/**
 * The event as every sink may see it: this is the one place where what a job sent becomes what we write
 * (contracts.md §3: no query, no credential; bypasses.md P1: nothing that a terminal or a page would obey).
 */
export function redactEvent(event: FlowEvent): FlowEvent {
  const { host, path, method, rule, process } = event
  const clean: { -readonly [K in keyof FlowEvent]: FlowEvent[K] } = { ...event }
  if (host !== undefined) clean.host = redactHost(host)
  if (path !== undefined) clean.path = event.layer === 'file' ? printable(path, longest.path) : redactPath(path)
  if (method !== undefined && !safeWord.test(method)) clean.method = printable(method, longest.word)
  if (rule !== undefined) clean.rule = printable(rule, longest.text)
  if (process !== undefined) clean.process = redactProcess(process)
  if (event.address !== undefined && !safeWord.test(event.address))
    clean.address = printable(event.address, longest.word)
  if (event.protocol !== undefined && !safeWord.test(event.protocol))
    clean.protocol = printable(event.protocol, longest.word)
  if (event.details !== undefined) clean.details = redactDetails(event.details)
  return clean
}

function redactDetails(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(details).map(([key, fact]) => [key, redactFact(fact)]))
}

function redactFact(fact: unknown): unknown {
  if (typeof fact === 'string') return printable(fact, longest.text)
  return Array.isArray(fact) ? fact.slice(0, 64).map(redactFact) : fact
}
