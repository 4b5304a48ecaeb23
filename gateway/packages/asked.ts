/** Kinds of packages, by their type in a package URL. */
export type Ecosystem = 'npm' | 'pypi' | 'maven' | 'nuget' | 'golang' | 'cargo' | 'gem' | 'oci' | 'deb' | 'apk'

/** Digests of one file: hex in lower case, or base64 where that is what a registry says. */
export interface Digests {
  readonly sha1?: string
  readonly sha256?: string
  readonly sha512?: string
}

/** What a request asks a package registry for. */
export interface Asked {
  /**
   * `artifact`: a file of a package; `part`: a piece that has no name of its own (a layer of an image); `metadata`: what
   * the registry says of one package; `index`: what it says of many.
   */
  readonly kind: 'artifact' | 'part' | 'metadata' | 'index'
  readonly ecosystem: Ecosystem
  /** As in a package URL: an npm scope with its `@`, a Maven group, the path before a Go module's last element. */
  readonly namespace?: string | undefined
  /** Empty for an index. */
  readonly name: string
  readonly version?: string | undefined
  readonly qualifiers?: Readonly<Record<string, string>>
  /** The path before what the protocol itself says, of servers that hold many registries: their promises are kept apart. */
  readonly root?: string
  /** By what the registry's metadata tells this file from others of the package; absent where nothing can be known of it. */
  readonly key?: string
  /** What the request itself says the answer is: content that is asked for by its digest. */
  readonly digests?: Digests
}

/** What metadata says of one file of a package. */
export interface Release {
  /** Of which package, where the metadata is of many. */
  readonly name?: string
  readonly key: string
  readonly version?: string | undefined
  readonly qualifiers?: Readonly<Record<string, string>>
  readonly digests: Digests
  /** Where the file is, absolute or relative to the metadata. */
  readonly url?: string
  /** Where this protocol has it below the registry's root: an address that is just that need not be remembered. */
  readonly usualPath?: string
  /** Unix milliseconds. */
  readonly publishedAt?: number | undefined
  /** It was published at this time or before: of metadata that only says when it was last changed. */
  readonly publishedBefore?: number | undefined
}

/** The parts of a request by which a registry's protocol is recognised. */
export interface RequestShape {
  /** Lower case, with port where it is not the scheme's own. */
  readonly host: string
  /** Of the path, decoded one by one; there may be slashes in them. */
  readonly segments: readonly string[]
  /** As sent, without the question mark; empty where there is none. */
  readonly query: string
  /** Lower case; empty where there is none. */
  readonly accept: string
  readonly agent: string
}

/** One protocol by which packages are fetched. Hosts do not matter: a company's mirror speaks it as well. */
export interface Registry {
  readonly ecosystem: Ecosystem
  /** What is asked for; undefined when this is no such request. Never throws. */
  recognise(shape: RequestShape): Asked | undefined
  /**
   * What the answer to a `metadata` or `index` request says. Absent where nothing is said that is of use here.
   * @throws Error of any kind when it is not what it should be
   */
  read?(asked: Asked, body: Buffer): readonly Release[]
}
