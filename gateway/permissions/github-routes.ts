import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Access, Need } from './need.ts'

/** One REST operation. */
export interface Route {
  /** `METHOD /path/{template}`. */
  readonly text: string
  readonly need: Need
}

/** A place in the tree of templates. */
interface Node {
  readonly literals: Map<string, Node>
  /** `{name}`: one segment. */
  one: Node | undefined
  /** `{name+}`: one segment or more, as a ref or a path is. */
  more: Node | undefined
  route: Route | undefined
}

/** Longest path that is looked up, segments: no operation is near it. */
const mostSegments = 64

/** GitHub's REST operations and what each needs, from github-routes.txt. */
export class GithubRoutes {
  readonly #methods = new Map<string, Node>()

  /** @param table the text of github-routes.txt; its head says how it is made and what it holds */
  constructor(table: string) {
    for (const line of table.split('\n')) {
      const [method, template, need] = line.split(' ')
      if (line.startsWith('#') || method === undefined || template === undefined || need === undefined) continue
      const text = `${method} ${template.replaceAll('+}', '}')}`
      this.#place(method, template).route = { text, need: parseNeed(need, text) }
    }
  }

  /** The operation of a path in normal form, without query; undefined for one that GitHub does not document. */
  find(method: string, path: string): Route | undefined {
    const segments = path.split('/').slice(1)
    const root = this.#methods.get(method === 'HEAD' ? 'GET' : method)
    return root === undefined || segments.length > mostSegments ? undefined : find(root, segments, 0)
  }

  #place(method: string, template: string): Node {
    let node = this.#methods.get(method)
    if (node === undefined) this.#methods.set(method, (node = emptyNode()))
    for (const segment of template.split('/').slice(1)) {
      if (!segment.startsWith('{')) {
        const next: Node = node.literals.get(segment) ?? emptyNode()
        node.literals.set(segment, next)
        node = next
      } else if (segment.endsWith('+}')) node = node.more ??= emptyNode()
      else node = node.one ??= emptyNode()
    }
    return node
  }
}

/** The table that comes with the gateway. */
export function readGithubRoutes(): GithubRoutes {
  return new GithubRoutes(readFileSync(fileURLToPath(new URL('github-routes.txt', import.meta.url)), 'utf8'))
}

function emptyNode(): Node {
  return { literals: new Map(), one: undefined, more: undefined, route: undefined }
}

/** A literal goes before a parameter, a short parameter before a long one. */
function find(node: Node, segments: readonly string[], at: number): Route | undefined {
  const segment = segments[at]
  if (segment === undefined) return node.route
  const literal = node.literals.get(segment)
  const found = literal === undefined ? undefined : find(literal, segments, at + 1)
  if (found !== undefined || segment === '') return found
  const one = node.one === undefined ? undefined : find(node.one, segments, at + 1)
  if (one !== undefined || node.more === undefined) return one
  for (let end = at + 1; end <= segments.length; end += 1) {
    const more = find(node.more, segments, end)
    if (more !== undefined) return more
  }
  return undefined
}

function parseNeed(text: string, route: string): Need {
  if (text === '?') return { unknown: route }
  if (text === '-') return { anyOf: [{}] }
  const sets = text.split('|').map(set => Object.fromEntries(set.split('&').map(parseGrant)))
  return { anyOf: sets }
}

function parseGrant(text: string): [string, Access] {
  const [, name, access] = /^([a-z-]+):(read|write|admin)$/.exec(text) ?? []
  if (name === undefined || (access !== 'read' && access !== 'write' && access !== 'admin'))
    throw new TypeError(`github-routes.txt: not a permission: ${text}`)
  return [name, access]
}
