import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { z } from 'zod'

// Writes scripts/github-operations.txt from the package @octokit/openapi: which REST operations GitHub has, which of them
// take a workflow's token, and what their text says of permissions. The package has 385 MB unpacked, for every version of
// GitHub's own server, so it is no dependency. To update:
//   npm pack @octokit/openapi@VERSION && tar xzf octokit-openapi-VERSION.tgz
//   node scripts/extract-github-operations.ts package
// and then node scripts/generate-github-permissions.ts

const [, , folder] = process.argv
if (folder === undefined)
  throw new Error('usage: extract-github-operations.ts FOLDER (of the unpacked @octokit/openapi)')
const read = (file: string): unknown => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'))

const parameter = z.object({ name: z.string(), 'x-multi-segment': z.boolean().optional() })
const operation = z.object({
  description: z.string().optional(),
  parameters: z.array(z.union([z.object({ $ref: z.string() }), parameter])).optional(),
  'x-github': z.object({ enabledForGitHubApps: z.boolean().optional() }).optional(),
})
const api = z
  .object({
    components: z.object({ parameters: z.record(z.string(), z.unknown()) }),
    paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  })
  .parse(read('generated/api.github.com.json'))
const { version } = z.object({ version: z.string() }).parse(read('package.json'))

function parameterOf(raw: unknown): z.infer<typeof parameter> {
  const { $ref } = z.object({ $ref: z.string().optional() }).parse(raw)
  return parameter.parse($ref === undefined ? raw : api.components.parameters[$ref.split('/').at(-1) ?? ''])
}

const methods = new Set(['get', 'put', 'post', 'patch', 'delete'])
const lines: string[] = []
for (const [path, item] of Object.entries(api.paths)) {
  if (path.includes('...')) continue
  for (const [verb, raw] of Object.entries(item)) {
    if (!methods.has(verb)) continue
    const { description = '', parameters = [], 'x-github': github } = operation.parse(raw)
    const long = new Set(
      parameters.map(parameterOf).flatMap(one => (one['x-multi-segment'] === true ? [one.name] : [])),
    )
    const template = path.replace(/\{([^}]*)\}/g, (whole, name: string) => (long.has(name) ? `{${name}+}` : whole))
    const [, permission, access] = /\bthe `([a-z-]+):(read|write)` permission/.exec(description) ?? []
    const said = permission === undefined ? '-' : `${permission}:${access}`
    const whose = github?.enabledForGitHubApps === true ? 'app' : 'user'
    lines.push(`${verb.toUpperCase()} ${template} ${said} ${whose}`)
  }
}

const head = `# GitHub's REST operations. Made by scripts/extract-github-operations.ts; do not edit.
# Source: @octokit/openapi ${version} (MIT).
# METHOD PATH SAID WHOSE: {name+} is one segment or more; the permission that the operation's own text names, or -; whether
# tokens of apps and workflows may call it, or only those of users.
`
writeFileSync(new URL('github-operations.txt', import.meta.url), `${head}${lines.toSorted().join('\n')}\n`)
