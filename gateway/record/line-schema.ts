import { z } from 'zod'
import { errorText } from './error-text.ts'
import { packageFacts } from './package-facts.ts'
import {
  alarmText,
  degradationText,
  fileEventText,
  findingText,
  layerText,
  reasonSet,
  verdictText,
} from './vocabulary.ts'

// The log's one schema: `report` reads with it, docs/log.schema.json is rendered from it.

function oneOf<K extends string>(texts: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(texts).filter((key): key is K => Object.hasOwn(texts, key))
}

const count = z.int().min(0)
const text = (maxLength: number): z.ZodString => z.string().max(maxLength)
const hex = z.string().regex(/^[0-9a-f]{64}$/)
const blobId = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)
const verdict = z.enum(oneOf(verdictText))
const error = z.enum(oneOf(errorText)).describe('code of what broke; docs/errors.md')
const { job: _job, file: _file, ...flowLayers } = layerText

const processSchema = z
  .strictObject({
    pid: count,
    exe: text(512),
    command: text(1_024).describe('likely secrets masked'),
    uid: count,
    parents: z.array(text(512)).max(16).describe('executables, nearest first'),
    container: hex.describe('id of its container, where that can be known').exactOptional(),
  })
  .describe('where it can be known, else absent')

const common = {
  v: z.literal(1).describe('version of this format'),
  seq: count.describe('0, 1, 2 …'),
  time: z.iso.datetime({ precision: 3 }).describe('start of the flow, RFC 3339 UTC with milliseconds'),
  job: text(255).describe('job name'),
  flow: z
    .string()
    .regex(/^[\w.:-]{1,64}$/)
    .describe('shared by the DNS answer, connection and requests that belong together')
    .exactOptional(),
}
const prev = hex.describe('SHA-256 of the bytes of the line before, without its line feed; 64 zeros on the first')

/** What `tidegate permissions` needs to know of a request to GitHub or Azure DevOps (docs/permissions.md). */
const tokenFacts = {
  git: z.enum(['upload-pack', 'receive-pack', 'lfs-download', 'lfs-upload']).exactOptional(),
  graphql: z
    .string()
    .regex(/^(?:unread|(?:query|mutation|subscription)(?: [A-Za-z_]\w{0,63}){0,16})$/)
    .describe('kind and top-level fields of a GraphQL operation')
    .exactOptional(),
  accepted: text(256).describe("the answer's X-Accepted-GitHub-Permissions").exactOptional(),
  credential: z
    .string()
    .regex(/^\w{1,64}$/)
    .describe("variable of the job's environment that holds the token")
    .exactOptional(),
  home: z.enum(['github', 'azure']).describe("the job's environment names the host as its own").exactOptional(),
}

const budget = z.strictObject({
  domain: text(255).exactOptional(),
  names: count.exactOptional(),
  bytes: count.exactOptional(),
  queries: count.exactOptional(),
  nonexistent: count.exactOptional(),
  ...tokenFacts,
  ...packageFacts,
})

/** A flow's line: DNS, TCP, TLS, HTTP, UDP, dropped packets. */
export const flowLine = z.strictObject({
  ...common,
  layer: z.enum(oneOf(flowLayers)),
  host: text(255).describe('the name meant').exactOptional(),
  asked: text(255).describe('another host, which the request or the TLS hello named instead').exactOptional(),
  address: text(64).describe('the upstream address really dialled, or the literal refused').exactOptional(),
  port: count.max(65_535).describe('the port meant').exactOptional(),
  protocol: text(64).describe('`dns` `http/1.1` `h2` `websocket` `tls` `tcp` `udp` `icmp` …').exactOptional(),
  method: text(64).describe('HTTP only').exactOptional(),
  path: text(2_048).describe('HTTP only: no query').exactOptional(),
  status: count.max(999).describe('HTTP only').exactOptional(),
  qtype: text(16).describe('DNS only').exactOptional(),
  rcode: text(16).describe('DNS only').exactOptional(),
  verdict,
  reason: z.enum(oneOf(reasonSet)),
  rule: text(512).describe("the rule's text and place").exactOptional(),
  inspected: z.boolean().describe('true when the gateway saw inside TLS').exactOptional(),
  bytesSent: count.describe('job → outside').exactOptional(),
  bytesReceived: count.describe('outside → job').exactOptional(),
  durationMs: z.number().min(0).exactOptional(),
  packets: count
    .describe(
      '`packet` and `udp` lines: aggregated count; `dns`: a line for so many repeats of the question; `tcp`: connections over a limit',
    )
    .exactOptional(),
  process: processSchema.exactOptional(),
  event: z.enum(oneOf(findingText)).describe('a finding, beside the verdict').exactOptional(),
  token: text(64).describe('salted hash that tells credentials of one job apart').exactOptional(),
  error: error.exactOptional(),
  details: budget.describe('figures of a `dns-budget` or `exfiltration-attempt` finding').exactOptional(),
  prev,
})

/** A workspace file's line. */
const fileLine = z.strictObject({
  ...common,
  layer: z.literal('file'),
  path: text(2_048).describe('relative to the workspace'),
  process: processSchema.exactOptional(),
  event: z.enum(oneOf(fileEventText)),
  before: blobId.describe('git blob id').exactOptional(),
  after: blobId.describe('git blob id').exactOptional(),
  prev,
})

const mode = z.enum(['audit', 'block'])
const job = { ...common, layer: z.literal('job') }

const jobLines = [
  z.strictObject({
    ...job,
    event: z.literal('started'),
    details: z.strictObject({
      version: text(64).describe('of tidegate'),
      mode,
      policy: text(128).describe('SHA-256 of the canonical policy'),
      onLogFailure: z.enum(['deny', 'allow']),
      node: text(64),
      kernel: text(128),
    }),
    prev,
  }),
  z.strictObject({
    ...job,
    durationMs: z.number().min(0).exactOptional(),
    event: z.literal('proved'),
    details: z
      .strictObject({ checks: z.array(text(512)).max(64).describe('what was tried, and held') })
      .exactOptional(),
    prev,
  }),
  z.strictObject({
    ...job,
    event: z.literal('policy-changed'),
    details: z.strictObject({
      by: z.enum(['reload', 'job']).describe('the files were read again, or the job narrowed its own'),
      mode,
      policy: text(128).describe('SHA-256 of the canonical policy'),
      onLogFailure: z.enum(['deny', 'allow']),
    }),
    prev,
  }),
  z.strictObject({
    ...job,
    event: z.literal('checkpoint'),
    error: error.exactOptional(),
    details: z.strictObject({ note: text(512) }).exactOptional(),
    prev,
  }),
  z.strictObject({
    ...job,
    host: text(255).describe('the host it is about').exactOptional(),
    port: count.max(65_535).exactOptional(),
    process: processSchema.exactOptional(),
    event: z.enum(['anomaly', 'canary']),
    details: z.strictObject({
      kind: z.enum(oneOf(alarmText)),
      note: text(512).describe('what happened, and what to do'),
      subject: text(512).describe('a package, a file: what it is about, where that is no host').exactOptional(),
    }),
    prev,
  }),
  z.strictObject({
    ...job,
    event: z.literal('failed'),
    details: z.strictObject({ note: text(512).describe('why, and by which key of the policy') }),
    prev,
  }),
  z.strictObject({
    ...job,
    event: z.literal('selftest'),
    details: z.strictObject({
      phase: z.enum(['begin', 'end']).describe('what lies in between, the job calls a test; anybody in it may say so'),
      cases: count.exactOptional(),
      failed: count.describe('cases that did not hold').exactOptional(),
      skipped: count.exactOptional(),
    }),
    prev,
  }),
  z.strictObject({
    ...job,
    event: z.literal('anomaly'),
    error: error.exactOptional(),
    details: z.strictObject({
      kind: z.enum(oneOf(degradationText)),
      lost: count.describe('events that are not in the log').exactOptional(),
      forMs: count.exactOptional(),
      note: text(512).exactOptional(),
    }),
    prev,
  }),
  z.strictObject({
    ...job,
    event: z.literal('sealed'),
    details: z.strictObject({
      allow: count,
      observe: count,
      deny: count,
      bytesSent: count,
      bytesReceived: count,
      lines: count.describe('of the log, this one included'),
      lost: count,
      digest: hex.describe('SHA-256 of this line with 64 zeros here'),
    }),
    prev,
  }),
] as const

/** Any line. */
export const lineSchema = z.union([flowLine, fileLine, ...jobLines])

export type LogLine = z.infer<typeof lineSchema>
