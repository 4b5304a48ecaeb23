import type { SeenRequest } from '../insight/insight.ts'
import type { Asked, Ecosystem, Registry, RequestShape } from './asked.ts'
import { apk } from './registries/apk.ts'
import { cargo } from './registries/cargo.ts'
import { deb } from './registries/deb.ts'
import { gem } from './registries/gem.ts'
import { golang } from './registries/golang.ts'
import { maven } from './registries/maven.ts'
import { npm } from './registries/npm.ts'
import { nuget } from './registries/nuget.ts'
import { oci } from './registries/oci.ts'
import { pypi } from './registries/pypi.ts'

/** Each protocol; the more particular shapes first. */
export const registries: Readonly<Record<Ecosystem, Registry>> = {
  oci,
  golang,
  nuget,
  pypi,
  gem,
  deb,
  apk,
  cargo,
  maven,
  npm,
}

const inOrder = Object.values(registries)
/** Paths of registries are short; what is longer is none. */
const longestPath = 2_048
const mostSegments = 40

/** What of a request says what it asks for. */
type Recognisable = Pick<SeenRequest, 'path' | 'fields'> & Partial<Pick<SeenRequest, 'target'>>

/** What a request to `authority` (host, with port where it is not the scheme's own) asks a registry for; undefined when it asks for no package that we know of. Never throws. */
export function recognise(request: Recognisable, authority: string): Asked | undefined {
  const shape = shapeOf(request, authority)
  if (shape === undefined) return undefined
  for (const registry of inOrder) {
    const asked = registry.recognise(shape)
    if (asked !== undefined) return asked
  }
  return undefined
}

function shapeOf({ path, target = '', fields }: Recognisable, authority: string): RequestShape | undefined {
  if (path === undefined || path.length > longestPath) return undefined
  const raw = path.split('/').slice(1)
  if (raw.length > mostSegments) return undefined
  const segments = raw.map(decoded)
  return {
    host: authority,
    segments,
    query: queryOf(target),
    accept: fields.get('accept')?.toLowerCase() ?? '',
    agent: fields.get('user-agent')?.toLowerCase() ?? '',
  }
}

/** One that is too long for a name is none. */
function queryOf(target: string): string {
  const at = target.indexOf('?')
  return at < 0 || target.length - at > longestPath ? '' : target.slice(at + 1)
}

/** A segment that is not validly escaped stays as it is, and is then no part of any package's name. */
function decoded(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
