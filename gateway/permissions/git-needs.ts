import { type LoggedRequest, type Need, needs } from './need.ts'

/**
 * What a request of git over HTTP, or of Git LFS, needs; undefined for anything else. `permission` is what the host calls
 * its repositories: `contents`, `Code`.
 */
export function gitNeed({ method, path, git }: LoggedRequest, permission: string): Need | undefined {
  switch (git) {
    case 'upload-pack':
    case 'lfs-download':
      return needs(permission, 'read')
    case 'receive-pack':
    case 'lfs-upload':
      return needs(permission, 'write')
    default:
  }
  const [, lfs] = /\/info\/lfs\/(locks(?:\/.*)?|objects\/.*|verify)$/.exec(path) ?? []
  if (lfs !== undefined) {
    if (method === 'GET' || method === 'HEAD') return needs(permission, 'read')
    // A batch whose direction could not be read is not known.
    if (lfs === 'objects/batch') return { unknown: `${method} …/info/lfs/objects/batch` }
    return needs(permission, 'write')
  }
  // The older protocol, and files of a repository that is served as it lies.
  if (path.endsWith('/info/refs') && (method === 'GET' || method === 'HEAD')) return needs(permission, 'read')
  return undefined
}
