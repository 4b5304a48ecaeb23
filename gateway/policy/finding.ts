/** What is wrong with a policy or a compose file, or looks wrong. API: `tidegate check` prints it, docs/policy.md explains it. */
export type FindingCode =
  // errors: the policy is not used
  | 'YAML'
  | 'DUPLICATE_KEY'
  | 'UNKNOWN_KEY'
  | 'MISSING_KEY'
  | 'WRONG_VALUE'
  | 'UNKNOWN_USE'
  | 'USE_CYCLE'
  | 'RULE_SYNTAX'
  | 'NOT_CANONICAL'
  | 'BARE_STAR'
  | 'BAD_HOST'
  | 'BAD_SCHEME'
  | 'BAD_PORT'
  | 'BAD_METHOD'
  | 'BAD_PATH'
  | 'BAD_ADDRESS'
  | 'NEVER_DIALLED'
  | 'NEEDS_INSPECTION'
  // warnings: the policy is used, and says something its author may not mean
  | 'NEVER_MATCHES'
  | 'SHADOWED'
  | 'EVERYTHING'
  | 'PUBLIC_SUFFIX'
  | 'LOOKALIKE'
  | 'SHARED_TENANT'
  | 'DOH_HOST'
  | 'RAW_TLS_PORT'
  | 'METADATA'
  | 'UNKNOWN_METHOD'
  | 'ROOT_ONLY'
  | 'EMPTY_ALLOW'
  // of a compose file
  | 'INIT_INCOMPLETE'
  | 'OWN_NETWORK'
  | 'UNSAFE_CONTAINER'
  | 'NOT_GATED'
  | 'UNSEEN'

/** A place in a file; lines and columns count from 1. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One fault or doubt, with what to write instead. */
export interface Finding extends Position {
  readonly severity: 'error' | 'warning'
  readonly code: FindingCode
  readonly what: string
  /** The right form, or what to do; never empty. */
  readonly fix: string
}

/** One line for a terminal or a log. */
export function renderFinding(finding: Finding): string {
  const { file, line, column, severity, code, what, fix } = finding
  return `${file}:${String(line)}:${String(column)}: ${severity} ${code}: ${what} → ${fix}`
}
