/** Most top-level fields that are named. */
const mostFields = 16
/** A comment, a string (block strings first), a name with what tells it from a variable, or one punctuator (GraphQL §2.1). */
const token = /#[^\n\r]*|"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n\r])*"|[$@]?[A-Za-z_]\w*|\.\.\.|[{}()[\]:]/g

interface Operation {
  readonly kind: string
  readonly name: string | undefined
  readonly fields: readonly string[]
}

/**
 * What a GraphQL request asks for, in outline: the kind of its operation and the top-level fields, e.g.
 * `mutation createIssue`. `unread` where the body is no GraphQL request or not plain. Names only, never arguments.
 */
export function graphqlOutline(body: string): string {
  let request: unknown
  try {
    request = JSON.parse(body)
  } catch {
    return 'unread'
  }
  if (typeof request !== 'object' || request === null || !('query' in request)) return 'unread'
  const { query } = request
  if (typeof query !== 'string') return 'unread'
  const operations = operationsOf(query)
  const wanted = 'operationName' in request ? request.operationName : undefined
  const chosen = operations.find(({ name }) => name !== undefined && name === wanted) ?? operations[0]
  if (chosen === undefined || (operations.length > 1 && chosen.name !== wanted)) return 'unread'
  return [chosen.kind, ...chosen.fields].join(' ')
}

/** The operations of a document, with the names of the fields (not the aliases) at their top. */
function operationsOf(document: string): readonly Operation[] {
  const operations: Operation[] = []
  let kind = 'query'
  let name: string | undefined
  let fields: string[] = []
  let isFragment = false
  let depth = 0
  let inner = 0
  const tokens = (document.match(token) ?? []).filter(text => !text.startsWith('#') && !text.startsWith('"'))
  for (const [at, text] of tokens.entries()) {
    if (text === '(' || text === '[') inner += 1
    else if (text === ')' || text === ']') inner -= 1
    else if (inner > 0) continue
    else if (text === '{') depth += 1
    else if (text === '}') {
      depth -= 1
      if (depth > 0) continue
      if (!isFragment) operations.push({ kind, name, fields })
      ;[kind, name, fields, isFragment] = ['query', undefined, [], false]
    } else if (depth === 0) {
      if (text === 'query' || text === 'mutation' || text === 'subscription')
        [kind, name] = [text, nameAt(tokens[at + 1])]
      else if (text === 'fragment') isFragment = true
    } else if (depth === 1 && isField(tokens, at) && fields.length < mostFields && !fields.includes(text)) {
      fields.push(text.slice(0, 64))
    }
  }
  return operations
}

function nameAt(text: string | undefined): string | undefined {
  return text !== undefined && /^[A-Za-z_]/.test(text) ? text : undefined
}

/** Not an alias (a colon follows), nor a fragment's or a directive's name. */
function isField(tokens: readonly string[], at: number): boolean {
  const text = tokens[at] ?? ''
  if (!/^[A-Za-z_]/.test(text) || tokens[at + 1] === ':') return false
  const before = tokens[at - 1]
  return before !== '...' && !(before === 'on' && tokens[at - 2] === '...')
}
