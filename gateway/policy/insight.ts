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

/** What both ask for: a job's policy can add to what the platform looks at, and take nothing away. */
export function narrowInsight(platform: InsightSettings, job: InsightSettings): InsightSettings {
  const { integrity, packages } = platform
  return {
    ...job,
    ...platform,
    ...(integrity !== undefined && job.integrity !== undefined
      ? { integrity: { ...integrity, onChange: sterner(integrity.onChange, job.integrity.onChange) } }
      : {}),
    ...(packages !== undefined && job.packages !== undefined ? { packages: joined(packages, job.packages) } : {}),
    ...(platform.tokens !== undefined && job.tokens !== undefined
      ? { tokens: { pin: platform.tokens.pin || job.tokens.pin } }
      : {}),
    ...(platform.canaries === true || job.canaries === true ? { canaries: true } : {}),
    ...(platform.anomalies === 'deny' || job.anomalies === 'deny' ? { anomalies: 'deny' as const } : {}),
  }
}

type Packages = NonNullable<InsightSettings['packages']>

function joined(a: Packages, b: Packages): Packages {
  const ages = [a.minimumAgeDays, b.minimumAgeDays].filter(age => age !== undefined)
  return {
    internal: [...a.internal, ...b.internal],
    deny: [...a.deny, ...b.deny],
    osv: [...a.osv, ...b.osv],
    ...(ages.length === 0 ? {} : { minimumAgeDays: Math.max(...ages) }),
    installScripts: a.installScripts === 'deny' || b.installScripts === 'deny' ? 'deny' : 'report',
  }
}

function sterner(a: 'report' | 'fail', b: 'report' | 'fail'): 'report' | 'fail' {
  return a === 'fail' || b === 'fail' ? 'fail' : 'report'
}
