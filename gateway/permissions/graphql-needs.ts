import { type Access, type Grants, type Need, nothing } from './need.ts'

/** Fields at the top of a query that every token may read. */
const freeFields = new Set(['__schema', '__type', '__typename', 'rateLimit', 'meta', 'codesOfConduct', 'licenses'])

/**
 * What a mutation needs. GitHub says that "permissions are not currently documented for GraphQL requests" (its guide to
 * migrating OAuth apps), and those of REST cannot be put in their place: a comment on a pull request takes `issues` there and
 * not here. So there is only what workflows in GitHub's documentation do with one permission and no other:
 * "Scheduling issue creation" (`gh issue create`, `close`, `pin`, `unpin`), "Automating Dependabot with GitHub Actions"
 * (`gh pr review --approve`).
 */
const mutations: ReadonlyMap<string, readonly [permission: string, access: Access]> = new Map([
  ['createIssue', ['issues', 'write']],
  ['closeIssue', ['issues', 'write']],
  ['pinIssue', ['issues', 'write']],
  ['unpinIssue', ['issues', 'write']],
  ['addPullRequestReview', ['pull-requests', 'write']],
])

/** What a request needs by its outline; what is neither free nor in the table is said, and not guessed. */
export function graphqlNeed(outline: string): Need {
  const [kind, ...fields] = outline.split(' ')
  const unknown = { unknown: `POST /graphql ${outline}` }
  if (fields.length === 0) return unknown
  if (kind === 'query') return fields.every(field => freeFields.has(field)) ? nothing : unknown
  if (kind !== 'mutation') return unknown
  const grants: Record<string, Access> = {}
  for (const field of fields) {
    const needed = mutations.get(field)
    if (needed === undefined) return unknown
    grants[needed[0]] = needed[1]
  }
  return { anyOf: [grants satisfies Grants] }
}
