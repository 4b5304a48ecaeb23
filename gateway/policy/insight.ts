/** A package name of your own, and the one registry it may come from. */
export interface InternalPackages {
  /** As package managers write names: `@acme/*`, `acme-*`, `com.acme.*`; `*` is any characters. */
  readonly scope: string
  /** Host of the registry. */
  readonly from: string
}

/** What is looked at beside the flows (docs/insight.md); what is absent is not looked at. */
export interface InsightSettings {
  readonly integrity?: {
    /** Absolute path; absent: the folder the job starts in. */
    readonly workspace?: string
    /** Globs of outputs, relative to the workspace. */
    readonly allow: readonly string[]
    /** `fail`: the job ends with a failure when a source was changed. */
    readonly onChange: 'report' | 'fail'
  }
  readonly packages?: {
    readonly internal: readonly InternalPackages[]
    /** Package URLs, each with a version, a range after `@`, or neither. */
    readonly deny: readonly string[]
    /** Absolute paths of OSV files or folders of them. */
    readonly osv: readonly string[]
    readonly minimumAgeDays?: number
    /** Files of which nobody says how old they are, where `minimumAgeDays` asks; absent: `report`. */
    readonly unknownAge?: 'report' | 'deny'
    /** Requests of install scripts to anything but the registry. */
    readonly installScripts: 'report' | 'deny'
  }
  readonly tokens?: {
    /** Only the job's own tokens may be used. */
    readonly pin: boolean
  }
  readonly canaries?: boolean
  /** What is not in the baseline (`run --lock`). */
  readonly anomalies?: 'report' | 'deny'
}
