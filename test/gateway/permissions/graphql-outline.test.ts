import fc from 'fast-check'
import t from 'tap'
import { graphqlOutline } from '../../../gateway/permissions/graphql-outline.ts'
import { flowLine } from '../../../gateway/record/line-schema.ts'

const cases: readonly [string, string, string][] = [
  ['a query in short', '{ rateLimit { remaining } }', 'query rateLimit'],
  [
    'a named query with variables',
    'query Q($n: Int = 3, $o: [String!]) { repository(name: "a") { id } }',
    'query repository',
  ],
  ['a mutation', 'mutation { addStar(input: {starrableId: "x"}) { clientMutationId } }', 'mutation addStar'],
  [
    'several fields, aliases, directives',
    'query { a: viewer { login } b: viewer { id } meta @include(if: true) { gitHubServicesSha } }',
    'query viewer meta',
  ],
  [
    'words in strings and comments',
    'mutation { # { createRef\n addComment(input: {body: "} deleteRef {", x: """ } mergeBranch """}) { id } }',
    'mutation addComment',
  ],
  [
    'a fragment at the top',
    'query { ...F ... on Query { meta { x } } } fragment F on Query { viewer { login } }',
    'query',
  ],
  ['a fragment first', 'fragment F on Query { viewer { login } } query { rateLimit { cost } }', 'query rateLimit'],
  [
    'objects as arguments',
    'query { search(query: "x", filter: {a: {b: [1, {c: 2}]}}) { nodes { id } } rateLimit { cost } }',
    'query search rateLimit',
  ],
  ['no document', '', 'unread'],
]
for (const [name, query, outline] of cases)
  await t.test(`graphqlOutline(): ${name}`, async t => t.equal(graphqlOutline(JSON.stringify({ query })), outline))

await t.test('graphqlOutline(): of several operations, the one that is asked for', async t => {
  const query = 'query A { meta { x } } mutation B { addStar(input: {}) { id } }'
  t.equal(graphqlOutline(JSON.stringify({ query, operationName: 'B' })), 'mutation addStar')
  t.equal(graphqlOutline(JSON.stringify({ query, operationName: 'C' })), 'unread')
  t.equal(graphqlOutline(JSON.stringify({ query })), 'unread')
})

await t.test('graphqlOutline(): what is no request is unread', async t => {
  for (const body of ['', 'null', '[]', '{"query":1}', '{"id":"x"}', 'query { a }'])
    t.equal(graphqlOutline(body), 'unread')
})

await t.test('graphqlOutline(): is always of the form the log has, and never throws', async t => {
  const { graphql } = flowLine.shape.details.unwrap().shape
  const piece = fc.constantFrom(
    '{',
    '}',
    '(',
    ')',
    '...',
    'query ',
    'mutation ',
    'fragment ',
    'on ',
    'a',
    'bcd ',
    '"',
    '"""',
    '#',
    '\n',
    ':',
    '@x ',
    '$y',
    'q'.repeat(90),
    ' ',
  )
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 60 }),
      pieces => graphql.safeParse(graphqlOutline(JSON.stringify({ query: pieces.join('') }))).success,
    ),
  )
  fc.assert(fc.property(fc.string(), body => graphql.safeParse(graphqlOutline(body)).success))
  t.pass('held for every generated document')
})
