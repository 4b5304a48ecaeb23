import type { Asked, Registry, Release } from '../asked.ts'
import { digestsOf, hexDigest } from '../hex.ts'

const kinds = 'jar|pom|module|aar|war|ear|rar|klib|zip|tar\\.gz|signature|exe'
const sums = /\.(sha1|sha256|sha512)$/

/**
 * Maven and Gradle: `/GROUP/AS/PATH/ARTIFACT/VERSION/ARTIFACT-VERSION[-CLASSIFIER].TYPE`, a digest beside each file under
 * its name and `.sha1`. https://maven.apache.org/repositories/layout.html
 */
export const maven: Registry = {
  ecosystem: 'maven',
  recognise({ segments }) {
    if (segments.at(-1) === 'maven-metadata.xml') return aboutArtifact(segments.slice(0, -1))
    const file = segments.at(-1) ?? ''
    const sum = sums.exec(file)
    const found = fileOf([...segments.slice(0, -1), sum === null ? file : file.slice(0, -sum[0].length)])
    if (found === undefined || sum === null) return found
    const { kind: _, ...named } = found
    return { ...named, kind: 'metadata', qualifiers: { ...named.qualifiers, checksum: sum[1] ?? '' } }
  },
  read(asked, body) {
    const text = body.toString('latin1')
    return asked.key === undefined ? versionsOf(text) : sumOf(asked, asked.key, text)
  },
}

function fileOf(segments: readonly string[]): Asked | undefined {
  const [file = '', version = '', artifact = '', ...group] = segments.toReversed()
  if (group.length === 0 || version === '' || artifact === '') return undefined
  // The file of a snapshot has a time stamp in place of the word.
  const stem = version.endsWith('-SNAPSHOT')
    ? `${artifact}-${version.slice(0, -'SNAPSHOT'.length)}`
    : `${artifact}-${version}`
  if (!file.startsWith(stem)) return undefined
  const rest = new RegExp(`^(?:[\\d.-]+|SNAPSHOT)?(?:-([\\w.-]+?))?\\.(${kinds})$`).exec(file.slice(stem.length))
  const [, classifier, type = 'jar'] = rest ?? []
  // Any server may have such a path to an archive: only below what we know for a repository is it a package.
  const namespace = groupOf(group.toReversed(), /^(?:zip|tar\.gz|exe)$/.test(type))
  if (rest === null || namespace === undefined) return undefined
  const qualifiers = { ...(classifier === undefined ? {} : { classifier }), ...(type === 'jar' ? {} : { type }) }
  const root = `/${segments.slice(0, -2).join('/')}`
  return { kind: 'artifact', ecosystem: 'maven', namespace, name: artifact, version, qualifiers, root, key: file }
}

function aboutArtifact(segments: readonly string[]): Asked | undefined {
  const [artifact = '', ...group] = segments.toReversed()
  const namespace = groupOf(group.toReversed())
  if (namespace === undefined || artifact === '') return undefined
  return { kind: 'metadata', ecosystem: 'maven', namespace, name: artifact, root: `/${segments.join('/')}` }
}

/** Where repositories begin on the servers we know: what stands before the group is no part of it. */
const roots = [
  /^maven2?\//,
  /^m2\//,
  /^repository\/[^/]+\//,
  /^artifactory\/(?:api\/maven\/)?[^/]+\//,
  /^(?:nexus\/)?content\/(?:repositories|groups)\/[^/]+\//,
  /^(?:[^/]+\/){1,3}_packaging\/[^/]+\/maven\/v1\//,
  /^api\/v4\/(?:projects|groups)\/[^/]+\/(?:-\/)?packages\/maven\//,
  /^(?:[^/]+\/)*maven2?\//,
]

function groupOf(path: readonly string[], needsRoot = false): string | undefined {
  const whole = `${path.join('/')}/`
  const root = roots.find(one => one.test(whole))
  if (root === undefined && needsRoot) return undefined
  const group = (root === undefined ? whole : whole.replace(root, '')).split('/').filter(part => part !== '')
  return group.length > 0 && group.every(part => /^[\w.-]+$/.test(part)) ? group.join('.') : undefined
}

function sumOf(asked: Asked, key: string, text: string): readonly Release[] {
  const algorithm = asked.qualifiers?.['checksum']
  if (algorithm !== 'sha1' && algorithm !== 'sha256' && algorithm !== 'sha512') return []
  const [word = ''] = text.trim().split(/\s+/)
  const digest = hexDigest(algorithm, word)
  if (digest === undefined) throw new TypeError(`it holds no ${algorithm}`)
  return [{ key, version: asked.version, digests: digestsOf({ [algorithm]: digest }) }]
}

/** `lastUpdated` is of the whole list: each version in it is at least as old. Files are not named here. */
function versionsOf(text: string): readonly Release[] {
  const [, year, month, day, hour, minute, second] =
    /<lastUpdated>(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)<\/lastUpdated>/.exec(text) ?? []
  if (year === undefined) return []
  const publishedBefore = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (!Number.isFinite(publishedBefore)) return []
  return [...text.matchAll(/<version>([^<\s]{1,128})<\/version>/g)].map(([, version = '']) => ({
    key: version,
    version,
    digests: {},
    publishedBefore,
  }))
}
