import { resolve } from 'node:path'
import { GatewayError } from '../errors.ts'
import { readGithubRoutes } from '../permissions/github-routes.ts'
import { renderPermissionsJson, renderPermissionsYaml } from '../permissions/render-permissions.ts'
import { type TokenPermissions, tokenPermissions } from '../permissions/token-permissions.ts'
import { UsesCollector } from '../permissions/token-uses.ts'
import { parseLine } from '../record/log-line.ts'
import { readLog } from '../record/log-reader.ts'
import { canShowProgress, openProgress } from '../record/progress.ts'
import { unixNow } from '../record/unix-now.ts'
import { type Command, parseArguments } from './command.ts'

const usage = `usage: tidegate permissions [--format yaml|json] LOG…

Prints the least permissions of each token that the jobs in these logs sent to
GitHub or Azure DevOps: for a workflow's token the \`permissions:\` block to paste.
LOG is an egress.ndjson, or a folder that holds one, of a job whose policy has
the key \`tokens\`. Each token of each log is told apart.

  --format FORMAT   yaml (default) or json

What the server refused (401, 403, 404) adds nothing. What no table of GitHub's
says is listed as unknown, never guessed. docs/permissions.md has the details.

exit: 0 done, 2 a log cannot be read or a line of it is broken
`

const formats = { yaml: renderPermissionsYaml, json: renderPermissionsJson } as const

/** `tidegate permissions`. */
export const permissions: Command = {
  name: 'permissions',
  summary: 'the least permissions of each GitHub or Azure DevOps token',
  usage,
  async run(args, io) {
    const { values, positionals } = parseArguments('permissions', {
      args: [...args],
      allowPositionals: true,
      options: { format: { type: 'string', default: 'yaml' } },
    })
    const { format } = values
    if (format !== 'yaml' && format !== 'json')
      throw new GatewayError('USAGE', `permissions: --format is yaml or json, not '${format}'`)
    if (positionals.length === 0)
      throw new GatewayError('USAGE', "permissions: name a log (see 'tidegate permissions --help')")
    const routes = readGithubRoutes()
    const tokens: TokenPermissions[] = []
    using progress = openProgress(io.stderr, canShowProgress(io.stderr, io.env, false), unixNow)
    for (const name of positionals) {
      progress.phase(`reading ${name}`)
      const collector = new UsesCollector(routes)
      const chain = await readLog(resolve(io.cwd, name), io.signal, (bytes, number) =>
        collector.add(parseLine(bytes, number)),
      )
      progress.clear()
      if (chain.state === 'broken') io.stderr.write(`tidegate: ${name}: the log was changed: ${chain.message}\n`)
      if (collector.overflow > 0)
        io.stderr.write(`tidegate: ${name}: ${collector.overflow} requests were of too many kinds to be told apart\n`)
      tokens.push(...tokenPermissions(collector))
    }
    if (tokens.length === 0)
      io.stderr.write(
        'tidegate: no request in the logs names a token: none was sent, or the policy had no key `tokens`\n',
      )
    io.stdout.write(formats[format](tokens))
    return 0
  },
}
