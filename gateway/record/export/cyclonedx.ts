import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import { PackageURL } from 'packageurl-js'
import { cameIn } from '../report/packages.ts'
import type { PackageRow, Summary } from '../summary-shape.ts'

/**
 * The packages that came into a job as a CycloneDX 1.6 document, ends with a line feed: one component for each file, with
 * the digests of what really came in. The same summary gives the same document.
 */
export function renderCycloneDx(summary: Summary): string {
  const bom = new Models.Bom({ ...serialOf(summary.log.head), metadata: metadataOf(summary) })
  for (const row of summary.packages.filter(cameIn)) bom.components.add(componentOf(row))
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`
}

/** A UUID of version 8 (RFC 9562 §5.8) from the log's head: whose inputs these are. */
function serialOf(head: string | undefined): { readonly serialNumber?: string } {
  if (head === undefined) return {}
  const variant = ((Number.parseInt(head[16] ?? '0', 16) & 0x3) | 0x8).toString(16)
  const parts = [
    head.slice(0, 8),
    head.slice(8, 12),
    `8${head.slice(13, 16)}`,
    `${variant}${head.slice(17, 20)}`,
    head.slice(20, 32),
  ]
  return { serialNumber: `urn:uuid:${parts.join('-')}` }
}

function metadataOf({ job, endedAt, gateway, mode, policy, log, omitted }: Summary): Models.Metadata {
  const tools = new Models.Tools()
  tools.components.add(
    new Models.Component(
      Enums.ComponentType.Application,
      'tidegate',
      gateway === undefined ? {} : { version: gateway },
    ),
  )
  return new Models.Metadata({
    ...(endedAt === undefined ? {} : { timestamp: new Date(endedAt) }),
    tools,
    component: new Models.Component(Enums.ComponentType.Application, job, { bomRef: 'job' }),
    properties: propertiesOf({
      'tidegate:mode': mode,
      'tidegate:policy': policy,
      'tidegate:log:head': log.head,
      'tidegate:log:state': log.state,
      'tidegate:omitted': omitted.packages === 0 ? undefined : String(omitted.packages),
    }),
  })
}

function componentOf(row: PackageRow): Models.Component {
  const { purl, registry, verdict, rule, promise, published, publishedBefore, ageFrom, age, process, firstAt } = row
  const { type, namespace, name, version } = nameOf(purl)
  const hashes = new Models.HashDictionary()
  if (row.sha1 !== undefined) hashes.set(Enums.HashAlgorithm['SHA-1'], row.sha1)
  if (row.sha256 !== undefined) hashes.set(Enums.HashAlgorithm['SHA-256'], row.sha256)
  if (row.sha512 !== undefined) hashes.set(Enums.HashAlgorithm['SHA-512'], row.sha512)
  return new Models.Component(type === 'oci' ? Enums.ComponentType.Container : Enums.ComponentType.Library, name, {
    bomRef: `${purl}#${registry}#${row.sha256}`,
    ...(namespace === undefined ? {} : { group: namespace }),
    ...(version === undefined ? {} : { version }),
    purl,
    hashes,
    properties: propertiesOf({
      'tidegate:registry': registry,
      'tidegate:promise': promise,
      'tidegate:published': published,
      'tidegate:published-before': publishedBefore,
      'tidegate:age-from': ageFrom,
      'tidegate:age': age,
      'tidegate:first': firstAt,
      'tidegate:process': process,
      'tidegate:verdict': verdict,
      'tidegate:rule': rule,
    }),
  })
}

/** A log can come from anywhere: what is no package URL keeps its text for a name. */
function nameOf(purl: string): Pick<PackageURL, 'type' | 'namespace' | 'name' | 'version'> {
  try {
    return PackageURL.fromString(purl)
  } catch {
    return { type: '', namespace: undefined, name: purl, version: undefined }
  }
}

function propertiesOf(values: Readonly<Record<string, string | undefined>>): Models.PropertyRepository {
  const properties = new Models.PropertyRepository()
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) properties.add(new Models.Property(name, value))
  return properties
}
