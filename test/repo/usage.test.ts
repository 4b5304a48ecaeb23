import { readdirSync } from 'node:fs'
import t from 'tap'
import type { Command } from '../../gateway/cli/command.ts'
import { files, root, text } from './tree.ts'

/** Every file of gateway/cli that is a command: the module, with its source. */
async function commands(): Promise<readonly { readonly command: Command; readonly source: string }[]> {
  const names = readdirSync(`${root}gateway/cli`).filter(name => /^const usage = `/m.test(text(`gateway/cli/${name}`)))
  return Promise.all(
    names.map(async name => {
      const module: object = await import(`../../gateway/cli/${name}`)
      const command: unknown = Object.values(module).find(isCommand)
      if (!isCommand(command)) throw new TypeError(`${name} exports no command`)
      const own = text(`gateway/cli/${name}`)
      return { command, source: command.name === 'run' ? text('gateway/cli/run-arguments.ts') : own }
    }),
  )
}

function isCommand(value: unknown): value is Command {
  return typeof value === 'object' && value !== null && 'usage' in value && 'run' in value
}

const all = await commands()

await t.test('every command is in the overview, with the same words', async t => {
  const program = text('gateway/cli/program.ts')
  t.ok(all.length >= 8, `${all.length} commands`)
  for (const { command } of all) {
    t.match(program, new RegExp(`^  '?${command.name}'?: \\{`, 'm'))
    t.ok(program.includes(command.summary), command.name)
  }
})

await t.test('a usage begins with how to call, tells the exit codes, and fits 80 columns', async t => {
  for (const { command } of all) {
    t.ok(command.usage.startsWith(`usage: tidegate ${command.name} `), command.name)
    t.match(command.usage, /^exit: /m, command.name)
    t.same(
      command.usage.split('\n').filter(line => line.length > 81),
      [],
      command.name,
    )
  }
})

await t.test('a usage explains exactly the options that are read', async t => {
  for (const { command, source } of all) {
    const read = [...source.matchAll(/'?([a-z-]+)'?: \{ type: '(?:string|boolean)'/g)].map(([, name]) => name)
    const explained = [...command.usage.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name)
    t.same(new Set(explained), new Set(read), command.name)
  }
})

await t.test('every option of run stands in the README or a page', async t => {
  const pages = files('.md').map(text).join('\n')
  const run = all.find(({ command }) => command.name === 'run')?.command.usage ?? ''
  const options = [...run.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name ?? '')
  t.ok(options.length >= 7)
  t.same(
    options.filter(option => !pages.includes(option)),
    [],
  )
})

await t.test('every page is linked from another', async t => {
  const pages = files('.md')
  const links = pages.flatMap(page =>
    [...text(page).matchAll(/\]\(([^):#\s]+)/g)].map(([, to]) =>
      new URL(to ?? '', `file:///${page}`).pathname.slice(1),
    ),
  )
  const reached = new Set(links.flatMap(link => [link, `${link.replace(/\/$/, '')}/README.md`]))
  t.same(
    pages.filter(page => page !== 'README.md' && !reached.has(page)),
    [],
  )
})
