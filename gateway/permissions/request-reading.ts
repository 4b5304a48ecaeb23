/** What of a git request the path alone does not say. */
export type GitService = 'upload-pack' | 'receive-pack' | 'lfs-download' | 'lfs-upload'

/** Bodies that are read for an outline, by the path of their request. */
export type ReadBody = 'graphql' | 'lfs-batch' | 'token'

const lfsBatch = /\/info\/lfs\/objects\/batch$/
const graphqlPaths = new Set(['/graphql', '/api/graphql'])

/** The service that a git client asks for: in the query of its first request (gitprotocol-http), in the path of others. */
export function gitService(target: string): GitService | undefined {
  const [path = '', query = ''] = target.split('?', 2)
  if (path.endsWith('/git-upload-pack')) return 'upload-pack'
  if (path.endsWith('/git-receive-pack')) return 'receive-pack'
  if (!path.endsWith('/info/refs')) return undefined
  const [, service] = /(?:^|&)service=git-(upload|receive)-pack(?:&|$)/.exec(query) ?? []
  return service === 'upload' ? 'upload-pack' : service === 'receive' ? 'receive-pack' : undefined
}

/** What of a request to GitHub or Azure DevOps is to be read, so that it can be told what it needs. */
export function bodyToRead(host: string, method: string, path: string): ReadBody | undefined {
  if (method === 'POST' && lfsBatch.test(path)) return 'lfs-batch'
  if (method === 'POST' && graphqlPaths.has(path) && host !== 'github.com') return 'graphql'
  if (method === 'GET' || method === 'POST') return handsOutTokens(host, path) ? 'token' : undefined
  return undefined
}

/** Where a credential is changed for another one that stands for it: a registry's token, an app's for an installation. */
function handsOutTokens(host: string, path: string): boolean {
  if (host === 'ghcr.io' || host.startsWith('containers.') || host.startsWith('docker.')) return path === '/token'
  return /^(?:\/api\/v3)?\/app\/installations\/\d+\/access_tokens$|\/_apis\/token\/sessiontokens$/i.test(path)
}

/** The operation of a Git LFS batch request; undefined where it does not say. */
export function lfsService(body: string): GitService | undefined {
  const request = parsed(body)
  if (request === undefined || !('operation' in request)) return undefined
  return request.operation === 'upload' ? 'lfs-upload' : request.operation === 'download' ? 'lfs-download' : undefined
}

/** The credential in a form that asks for a token (OAuth 2.0, as registries take it). */
export function formCredential(body: string): string | undefined {
  const form = new URLSearchParams(body)
  return form.get('password') ?? form.get('refresh_token') ?? undefined
}

/** The Authorization fields that the answer to a Git LFS batch tells its client to send. */
export function authorizationsIn(body: string): readonly string[] {
  return Array.from(body.matchAll(/"authorization"\s*:\s*"([^"\\]{1,4096})"/gi), ([, value = '']) => value)
}

/** The tokens that an answer hands out. */
export function tokensIn(body: string): readonly string[] {
  const answer = parsed(body)
  if (answer === undefined) return []
  const values = [
    'token' in answer ? answer.token : undefined,
    'access_token' in answer ? answer.access_token : undefined,
  ]
  return values.filter(value => typeof value === 'string').filter(value => value.length >= 8)
}

function parsed(body: string): object | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
