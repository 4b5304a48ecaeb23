import { z } from 'zod'

/** The checkout in a folder, as the job sees it, is complete; without one, in the whole workspace. */
export const checkpointRequest = z.strictObject({
  op: z.literal('checkpoint'),
  folder: z.string().max(4_096).optional(),
})

/** What `checkpoint --manifest` found: an archive holds what its commit does not. */
export const manifestRequest = z.strictObject({
  op: z.literal('manifest'),
  archive: z.string().max(255),
  commit: z.string().regex(/^[0-9a-f]{40,64}$/),
  count: z.int().min(1).max(10_000_000),
  paths: z.array(z.string().max(255)).max(5),
})

/** Reading all sources costs time: so many of these requests of a job are answered, and no more. */
export const mostSourceRequests = 100

/** A connection of a job that waits for its sources to be read is ended after so long, in milliseconds. */
export const sourceLifeMs = 90_000

/** What was found in an archive, in the words of the job. */
export interface ManifestFindings {
  readonly archive: string
  readonly commit: string
  readonly count: number
  /** Some of them. */
  readonly paths: readonly string[]
}

/** How a checkpoint ended. */
export type CheckpointAnswer =
  | {
      readonly ok: true
      readonly commit: string
      /** Files that are watched. */
      readonly files: number
      /** Files that are not what the commit says, now. */
      readonly changed: number
      /** Why the policy fails the job, so far. */
      readonly failed?: readonly string[]
    }
  | { readonly ok: false; readonly error: string }

/** Who answers a job that speaks of its sources. */
export interface SourceDesk {
  checkpoint(folder: string | undefined): Promise<CheckpointAnswer>
  manifest(findings: ManifestFindings): void
}
