import { z } from 'zod'

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))

/** What the line of a request to a package registry says of it (docs/packages.md). */
export const packageFacts = {
  purl: z.string().max(512).describe('package URL of the file that was asked for').exactOptional(),
  describes: z.string().max(512).describe('package URL of what the answer speaks of, or is a part of').exactOptional(),
  registry: z
    .string()
    .max(261)
    .describe('the registry that named this address, where it is another host')
    .exactOptional(),
  sha256: hex(64).describe('of the whole body that came in').exactOptional(),
  sha512: hex(128).exactOptional(),
  sha1: hex(40).exactOptional(),
  promise: z
    .enum(['kept', 'broken', 'none'])
    .describe("is it what the registry's metadata says? `none`: it was not seen to say anything")
    .exactOptional(),
  published: z.iso.datetime({ precision: 3 }).describe('the time of its version').exactOptional(),
  publishedBefore: z.iso.datetime({ precision: 3 }).describe('it was there by then; not since when').exactOptional(),
  ageFrom: z
    .enum(['version', 'commit', 'last-change', 'last-modified'])
    .describe("who says so: the registry of this version, its commit, the package's metadata, the date of its file")
    .exactOptional(),
  age: z.literal('unknown').describe('the policy asks for an age, and nothing was seen that says it').exactOptional(),
  script: z.string().max(512).describe('the package whose install script asks, as it says itself').exactOptional(),
}
