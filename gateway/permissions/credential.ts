import type { SeenFields } from '../insight/insight.ts'

/** Fields that carry a credential and nothing else: GitLab, NuGet, Artifactory, and those who took over their names. */
const credentialFields = new Set([
  'private-token',
  'job-token',
  'deploy-token',
  'x-nuget-apikey',
  'x-api-key',
  'x-jfrog-art-api',
])

/** The forms of GitHub's own tokens (prefix, then what tells them apart). */
const githubShape = /\b(?:gh[opsur]_[A-Za-z0-9_.-]{20,}|github_pat_[A-Za-z0-9_]{22,})/g
const githubToken = /^(?:gh[opsur]_[A-Za-z0-9_.-]{20,}|github_pat_[A-Za-z0-9_]{22,})$/

/** Whether a credential has the form of a GitHub token, of github.com or of an Enterprise host. */
export function isGithubToken(secret: string): boolean {
  return githubToken.test(secret)
}

/** The GitHub tokens in a text that may hold anything. */
export function githubTokensIn(text: string): readonly string[] {
  return text.includes('gh') || text.includes('git') ? (text.match(githubShape) ?? []) : []
}

/** Sessions of a browser, which GitHub's and Azure DevOps' own pages take in place of a token. */
const session = /(?:^|;\s*)(?:__Host-)?(?:user_session(?:_same_site)?|UserAuthentication|FedAuth)=([^;\s]+)/g

/**
 * The credentials that a request carries in its fields, the one that counts first; none for schemes whose credential does
 * not travel (AWS signatures, Negotiate). All of them, as one beside another may be the one that the server takes.
 */
export function credentialsOf(fields: SeenFields): readonly string[] {
  const found: string[] = []
  for (const [name, value] of fields.entries()) {
    if (name === 'authorization') found.unshift(...credentialsIn(value))
    else if (name === 'cookie') for (const [, own = ''] of value.matchAll(session)) found.push(own)
    else if (value !== '' && credentialFields.has(name)) found.push(value)
  }
  return found
}

/**
 * The same of the value of an Authorization field (RFC 9110 §11.6.2). Of `Basic` it is the password, or the user name where
 * that is all there is; a user name that is a token itself counts as well.
 */
export function credentialsIn(authorization: string): readonly string[] {
  const [, scheme = '', value = ''] = /^([A-Za-z]+)\s+(\S.*)$/.exec(authorization.trim()) ?? []
  switch (scheme.toLowerCase()) {
    case 'basic':
      return basicSecrets(value)
    case 'bearer':
    case 'token':
      return [unwrapped(value)]
    default:
      return []
  }
}

function basicSecrets(value: string): readonly string[] {
  const text = Buffer.from(value, 'base64').toString('latin1')
  const colon = text.indexOf(':')
  // Whatever a server makes of it, it is not nothing.
  if (colon === -1) return [value]
  const [user, password] = [text.slice(0, colon), text.slice(colon + 1)]
  // GitHub also takes the token as the user name.
  if (password === '' || password === 'x-oauth-basic') return user === '' ? [] : [user]
  return isGithubToken(user) ? [password, user] : [password]
}

/** GitHub's container registry is also given its tokens in base64. */
function unwrapped(value: string): string {
  if (value.length < 32 || value.length > 512 || !/^Z[2][A-Za-z0-9+/]+=*$/.test(value)) return value
  const inner = Buffer.from(value, 'base64').toString('latin1').trim()
  return isGithubToken(inner) ? inner : value
}
