import { createHash } from 'node:crypto'
import type { ScriptHandler } from '../lab/origin-log.ts'
import { zipOf } from '../lab/services/zip.ts'

/** A package of a feed, with those that it depends on. */
export interface NugetPackage {
  readonly id: string
  readonly version: string
  readonly dependencies: readonly { readonly id: string; readonly version: string }[]
}

/** The archive of a package, as `nuget pack` lays it out. */
export function nupkgOf({ id, version, dependencies }: NugetPackage): Buffer {
  const needs = dependencies.map(one => `<dependency id="${one.id}" version="${one.version}"/>`).join('')
  const nuspec = `<?xml version="1.0"?><package xmlns="http://schemas.microsoft.com/packaging/2010/07/nuspec.xsd"><metadata><id>${id}</id><version>${version}</version><authors>lab</authors><description>of the lab</description><dependencies>${needs}</dependencies></metadata></package>`
  const types =
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="nuspec" ContentType="application/octet"/><Default Extension="txt" ContentType="application/octet"/></Types>'
  const relations = `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target="/${id}.nuspec" Id="R1"/></Relationships>`
  return zipOf([
    { path: '[Content_Types].xml', content: types },
    { path: '_rels/.rels', content: relations },
    { path: `${id}.nuspec`, content: nuspec },
    { path: `content/${id}.txt`, content: `${id} of the lab\n` },
  ])
}

/**
 * A feed of version 2 (OData) below `/api/v2`, as far as `nuget install` asks: the package by id and version, or all of an id, and
 * its file. Everything else is not found.
 */
export function nugetFeed(base: string, packages: readonly NugetPackage[], published: string): ScriptHandler {
  return ({ target }) => {
    const { pathname, searchParams } = new URL(target, 'http://feed.test')
    const path = decodeURIComponent(pathname)
    const [, id, version] =
      /^\/api\/v2\/(?:Packages\(Id='(?<id>[^']+)',Version='(?<version>[^']+)'\)|package\/(?<of>[^/]+)\/(?<at>[^/]+))$/
        .exec(path)
        ?.filter(part => part !== undefined) ?? []
    const one = packages.find(known => known.id.toLowerCase() === id?.toLowerCase() && known.version === version)
    if (path === '/api/v2/' || path === '/api/v2') return { status: 200, headers: atom, body: service }
    if (path === '/api/v2/$metadata') return { status: 200, headers: xml, body: metadata }
    if (path === '/api/v2/FindPackagesById()' || path === '/api/v2/Search()' || path === '/api/v2/Packages()') {
      const asked = /'([^']+)'/.exec(`${searchParams.get('id')} ${searchParams.get('$filter')}`)?.[1]?.toLowerCase()
      const found = packages.filter(known => known.id.toLowerCase() === asked)
      const body = `<feed ${spaces}>${found.map(known => entryOf(base, known, published)).join('')}</feed>`
      return { status: 200, headers: atom, body }
    }
    if (one === undefined) return { status: 404, body: 'not found' }
    if (path.startsWith('/api/v2/package/'))
      return { status: 200, headers: [['content-type', 'application/zip']], body: nupkgOf(one) }
    return { status: 200, headers: atom, body: entryOf(base, one, published) }
  }
}

const spaces =
  'xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"'
const atom = [['content-type', 'application/atom+xml;type=feed;charset=utf-8']] as const
const xml = [['content-type', 'application/xml;charset=utf-8']] as const
const metadata =
  '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"><edmx:DataServices m:DataServiceVersion="2.0" m:MaxDataServiceVersion="2.0" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><Schema Namespace="NuGetGallery.OData" xmlns="http://schemas.microsoft.com/ado/2006/04/edm"><EntityType Name="V2FeedPackage" m:HasStream="true"><Key><PropertyRef Name="Id"/><PropertyRef Name="Version"/></Key><Property Name="Id" Type="Edm.String" Nullable="false"/><Property Name="Version" Type="Edm.String" Nullable="false"/></EntityType><EntityContainer Name="V2FeedContext" m:IsDefaultEntityContainer="true"><EntitySet Name="Packages" EntityType="NuGetGallery.OData.V2FeedPackage"/><FunctionImport Name="FindPackagesById" ReturnType="Collection(NuGetGallery.OData.V2FeedPackage)" EntitySet="Packages"><Parameter Name="id" Type="Edm.String"/></FunctionImport></EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
const service =
  '<service xmlns="http://www.w3.org/2007/app" xmlns:atom="http://www.w3.org/2005/Atom"><workspace><atom:title>Default</atom:title><collection href="Packages"><atom:title>Packages</atom:title></collection></workspace></service>'

function entryOf(base: string, one: NugetPackage, published: string): string {
  const file = nupkgOf(one)
  const hash = createHash('sha512').update(file).digest('base64')
  const needs = one.dependencies.map(({ id, version }) => `${id}:${version}:`).join('|')
  return `<entry ${spaces}><id>${base}/Packages(Id='${one.id}',Version='${one.version}')</id><category term="NuGetGallery.V2FeedPackage" scheme="http://schemas.microsoft.com/ado/2007/08/dataservices/scheme"/><title type="text">${one.id}</title><updated>${published}</updated><author><name>lab</name></author><content type="application/zip" src="${base}/package/${one.id}/${one.version}"/><m:properties><d:Version>${one.version}</d:Version><d:Dependencies>${needs}</d:Dependencies><d:Description>of the lab</d:Description><d:IsLatestVersion m:type="Edm.Boolean">true</d:IsLatestVersion><d:IsAbsoluteLatestVersion m:type="Edm.Boolean">true</d:IsAbsoluteLatestVersion><d:IsPrerelease m:type="Edm.Boolean">false</d:IsPrerelease><d:Listed m:type="Edm.Boolean">true</d:Listed><d:PackageHash>${hash}</d:PackageHash><d:PackageHashAlgorithm>SHA512</d:PackageHashAlgorithm><d:PackageSize m:type="Edm.Int64">${file.length}</d:PackageSize><d:Published m:type="Edm.DateTime">${published}</d:Published></m:properties></entry>`
}
