import type { ProcessInfo } from './event.ts'

const labels = new WeakMap<ProcessInfo, string>()

/** What a person calls a process: its command line without directories and without its tail, at most 60 characters. */
export function processLabel(process: ProcessInfo): string {
  const before = labels.get(process)
  if (before !== undefined) return before
  const [program = process.exe, script, ...rest] = process.command.split(' ').filter(word => word !== '')
  const words = [baseName(program), ...(script === undefined ? [] : [baseName(script)]), ...rest]
  const line = words.join(' ')
  const label = line.length > 60 ? `${line.slice(0, 59)}…` : line
  labels.set(process, label)
  return label
}

/** The process and its parents, nearest first: `curl ← sh ← npm install`. */
export function processChain(process: ProcessInfo): string {
  return [processLabel(process), ...process.parents.slice(0, 4).map(baseName)].join(' ← ')
}

/** Only what is a path: an address or an option with slashes stays whole. */
function baseName(word: string): string {
  return /^\.{0,2}\//.test(word) && !word.startsWith('//') ? word.slice(word.lastIndexOf('/') + 1) || word : word
}
