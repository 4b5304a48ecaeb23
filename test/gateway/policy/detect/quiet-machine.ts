import type { Answer, Machine } from '../../../../gateway/policy/detect/detector.ts'

/** A machine with just these files, folders and answers; everything else is missing. */
export function quietMachine(
  over: {
    readonly env?: Readonly<Record<string, string>>
    readonly files?: Readonly<Record<string, string>>
    readonly folders?: Readonly<Record<string, readonly string[]>>
    readonly answers?: Readonly<Record<string, string | Answer>>
  } = {},
): Machine {
  return {
    env: over.env ?? {},
    async readFile(path) {
      const text = over.files?.[path]
      return text === undefined ? undefined : { path, text }
    },
    list: async path => over.folders?.[path] ?? [],
    async readZipped(path, name) {
      const text = over.files?.[`${path}!${name}`]
      return text === undefined ? undefined : { path: name, text }
    },
    async ask(program, args) {
      const answer = over.answers?.[[program, ...args].join(' ')]
      if (answer === undefined) return { text: '', fault: 'missing' }
      return typeof answer === 'string' ? { text: answer } : answer
    },
  }
}
