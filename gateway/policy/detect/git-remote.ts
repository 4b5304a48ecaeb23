import type { Finding, Place } from './finding.ts'
import { hostRemark, hostText, originText, parseEndpoint, parseLocation } from './location.ts'

/** Which way a git URL points: `fetch` needs reading only, and that is all a build is given. */
export interface GitOptions {
  /** Also with or without `.git`, because a CI service may write the other form. */
  readonly bothForms?: boolean
  /** True when the repository keeps large files in Git LFS. */
  readonly lfs?: boolean
}

/** The rules for fetching from one git remote: upload-pack only, so that nothing can be pushed. */
export function gitFindings(tool: string, raw: string, place: Place, options: GitOptions = {}): Finding[] {
  const url = raw
    .trim()
    .replace(/^git\+/, '')
    .replace(/[#?].*$/, '')
  const web = parseLocation(url)
  if (typeof web === 'object') {
    const remark = hostRemark(tool, web.host, place)
    if (remark?.isUnreachable === true) return [remark.finding]
    const path = web.path.replace(/\/+$/, '')
    const bare = path.replace(/\.git$/, '')
    const forms = options.bothForms === true && bare !== '' ? [`${bare}.git`, bare] : [path]
    const rules = forms.flatMap(form => [
      `GET ${originText(web)}${form}/info/refs`,
      `POST ${originText(web)}${form}/git-upload-pack`,
      ...(options.lfs === true && bare !== '' ? [`POST ${originText(web)}${bare}.git/info/lfs/objects/batch`] : []),
    ])
    return [...new Set(rules)]
      .map((rule): Finding => ({ kind: 'rule', tool, rule, place }))
      .concat(remark?.finding ?? [])
  }
  if (web === 'variable')
    return [{ kind: 'note', tool, place, text: 'a variable names the git host here: add its rule by hand' }]
  if (web === 'malformed') return [{ kind: 'warning', place, text: `${tool}: a git URL here names no valid host` }]
  return rawFindings(tool, url, place)
}

function rawFindings(tool: string, url: string, place: Place): Finding[] {
  const [, scheme, authority] = /^(ssh|git)(?:\+ssh)?:\/\/(?:[^/@]*@)?([^/]*)/i.exec(url) ?? []
  // `user@host:path`; a slash before the colon makes it a path, and a single letter a Windows drive (git-clone(1)).
  const scp = scheme === undefined ? /^(?:[^/@:]+@)?([^/:@]{2,}|\[[^\]]+\]):(?!\/\/)/.exec(url)?.[1] : undefined
  const target = scheme === undefined ? scp : authority
  if (target === undefined) return []
  const endpoint = parseEndpoint(target, scheme?.toLowerCase() === 'git' ? 9418 : 22)
  if (endpoint === undefined) return [{ kind: 'warning', place, text: `${tool}: a git URL here names no valid host` }]
  const remark = hostRemark(tool, endpoint.host, place)
  if (remark?.isUnreachable === true) return [remark.finding]
  const rule = `tcp://${hostText(endpoint.host)}:${endpoint.port}`
  return [{ kind: 'rule', tool, rule, place }, ...(remark === undefined ? [] : [remark.finding])]
}
