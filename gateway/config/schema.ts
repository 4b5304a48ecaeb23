import { isAbsolute } from 'node:path'
import { z } from 'zod'

/** A job's name, or a pattern of names in which `*` stands for any characters. */
const namePattern = /^(?=.{1,64}$)[A-Za-z0-9*][A-Za-z0-9._*-]*$/

/** struct sockaddr_un, include/uapi/linux/un.h: 108 bytes with the zero at the end. */
const longestSocketPath = 107

const absolute = z.string().refine(isAbsolute, 'must be an absolute path')
const file = z.string().min(1, 'must name a file')

/** `127.0.0.1:9464`, `[::1]:9464`. */
const addressPort = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match !== null && port <= 65_535) return { host: match[1] ?? match[2] ?? '', port }
  context.addIssue({ code: 'custom', message: 'must be ADDRESS:PORT (0.0.0.0:9464, [::1]:9464)' })
  return z.NEVER
})

const jobs = z
  .record(
    z.string().regex(namePattern, 'must be a name of letters, digits, . _ - or a pattern with *'),
    z.strictObject({
      policy: file
        .optional()
        .describe('its policy file; without one, whoever attaches the job asks for one of `policyFolder`'),
      run: absolute.optional().describe('its run folder, where it is not in `runDirectory`; not for a pattern'),
      workspace: absolute
        .optional()
        .describe('where the gateway sees its workspace, where that is not in `workspaceDirectory`; not for a pattern'),
      lock: file.optional().describe('its baseline, an `egress.lock`'),
    }),
  )
  .superRefine((entries, context) => {
    for (const [name, entry] of Object.entries(entries)) {
      for (const key of ['run', 'workspace'] as const) {
        if (entry[key] !== undefined && name.includes('*'))
          context.addIssue({ code: 'custom', path: [name, key], message: 'is for one job: a pattern has none' })
      }
    }
  })

const count = (most: number): z.ZodInt => z.int().min(1).max(most)

const limits = z.strictObject({
  jobs: count(1_024).default(64).describe('jobs attached at once'),
  connections: count(65_536).default(4_096).describe('open connections of a job'),
  connectionsPerSecond: count(100_000)
    .default(1_000)
    .describe('new connections of a job a second, in the long run; four times as many at once'),
  dials: count(65_536).default(1_024).describe('connections to the outside that a job has under way'),
  handshakes: count(4_096).default(256).describe('TLS handshakes of a job in flight; more wait for their turn'),
  dnsPerSecond: count(100_000).default(1_000).describe('new DNS questions of a job a second, in the long run'),
  dnsQuestions: count(1_000_000)
    .default(5_000)
    .describe('DNS questions of a job a second, repeats included, in the long run; twice as many at once'),
  dnsPending: count(10_000).default(1_000).describe('DNS questions of a job that wait for their answer'),
  dnsConnections: count(10_000).default(256).describe('DNS connections of a job over TCP'),
  udpFlows: count(10_000).default(512).describe('UDP flows of a job'),
  logMiB: count(1_048_576).default(1_024).describe('MiB of a job’s log, its seal beside it'),
})

/** The file that `serve` reads. A key that is not here is a fault; docs/configuration.md is this schema. */
export const configSchema = z.strictObject({
  version: z.literal(1).describe('of this format'),
  control: absolute
    .refine(
      path => Buffer.byteLength(path) <= longestSocketPath,
      `must have at most ${longestSocketPath} bytes, as a socket's path`,
    )
    .default('/run/tidegate-control/gateway.sock')
    .describe('the socket on which an init attaches jobs; in a volume that only gateway and init have'),
  jobs: jobs
    .default({})
    .describe(
      'which jobs are taken, by name or pattern, each with `policy`, `run`, `workspace` and `lock`; none by default',
    ),
  policyFolder: file.optional().describe('policies that may be asked for by name: NAME.yaml'),
  runDirectory: absolute
    .default('/run/tidegate/jobs')
    .describe('a folder for each job, which the job sees as /run/tidegate: trust files, `ready`, `wait`, `job.sock`'),
  workspaceDirectory: absolute
    .optional()
    .describe(
      'a folder for each job, by its name, in which the gateway sees its workspace ([integrity](integrity.md))',
    ),
  logDirectory: absolute
    .default('/var/log/tidegate')
    .describe('records: JOB/START TIME/egress.ndjson, summary.json, summary.md'),
  admin: addressPort.optional().describe('where /metrics, /healthz and /readyz are served; nowhere by default'),
  steering: z
    .enum(['auto', 'tproxy', 'redirect'])
    .default('auto')
    .describe('how connections come in; `auto` takes tproxy where the kernel has it'),
  caLifetimeHours: z.number().min(0.1).max(720).default(24).describe("life of a job's certificate authority"),
  drainMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(5_000)
    .describe('what is under way may go on for so long when a job is ended'),
  limits: limits.prefault({}).describe('what one job, and all of them, may have at once'),
})

/** What `serve` is configured with; paths are absolute. */
export type Config = Readonly<z.infer<typeof configSchema>>
