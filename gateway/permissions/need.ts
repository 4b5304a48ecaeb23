/** What a permission allows; `write` includes `read`, `admin` both. */
export type Access = 'read' | 'write' | 'admin'

/** Permissions by name: `contents` as a workflow writes it, `Code` as Azure DevOps does. */
export type Grants = Readonly<Record<string, Access>>

/**
 * What a request needs of its token: one of `anyOf`, each of which is a set that is needed whole (an empty set: nothing);
 * or that is not known, and what it was.
 */
export type Need = { readonly anyOf: readonly Grants[] } | { readonly unknown: string }

export const nothing: Need = { anyOf: [{}] }

/** The need of one permission. */
export function needs(permission: string, access: Access): Need {
  return { anyOf: [{ [permission]: access }] }
}

/** What is known of a request from its line in the log. */
export interface LoggedRequest {
  readonly host: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly git: string | undefined
  readonly graphql: string | undefined
  /** X-Accepted-GitHub-Permissions of the answer. */
  readonly accepted: string | undefined
}
