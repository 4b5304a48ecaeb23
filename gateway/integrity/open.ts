import { readdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { ManifestFindings, SourceDesk } from '../control/source-requests.ts'
import { fileFault } from '../errors.ts'
import type { FailableHost, InsightHost, InsightPart } from '../insight/part.ts'
import { openCheckpointSocket } from './checkpoint-socket.ts'
import { clipped } from './clipped.ts'
import type { Baseline, Finding, Told } from './messages.ts'
import { startThread } from './thread.ts'
import { foldersOfPath } from './tools.ts'
import { realPath, type Workspace, workspaceOf } from './workspace.ts'

/**
 * The job waits so long for the baseline at its start, in milliseconds; then that goes on beside it, and it is said. And so long
 * we wait for the comparison at its end.
 */
const patience = { startMs: 30_000, finishMs: 120_000 } as const
/** Whoever attaches a container waits for an answer, and who stops the gateway's own kills it after some 20 s: a seal is worth more. */
const patienceOfContainers = { startMs: 10_000, finishMs: 10_000 } as const

/**
 * Watches the job's sources: what a commit says of them against what is there (docs/integrity.md). It never keeps a job from
 * running nor ends one: what cannot be watched is told by an `unwatched` alarm.
 */
export async function openIntegrity(host: FailableHost): Promise<InsightPart> {
  const settings = host.policy().insight.integrity
  const fail = (why: string): void => {
    if (settings?.onChange === 'fail') host.fail(`${why} (integrity.onChange: fail)`)
  }
  const manifest = (findings: ManifestFindings): void => {
    host.alarm({ kind: 'not-in-source', note: manifestNote(findings), subject: findings.archive })
    fail('a source archive holds what its commit does not')
  }
  const workspace = workspaceOf(host, settings?.workspace)
  if (workspace === undefined) return nowhere(host, fail, manifest)
  const { startMs, finishMs } = workspace.isConfined ? patienceOfContainers : patience
  const watched = watch(host, workspace, { fail, finishMs })
  const sources: SourceDesk = { checkpoint: watched.checkpoint, manifest }
  const socket = await openSocket(host, sources)
  const isReady = await Promise.race([watched.ready.then(() => true), wait(startMs, false, { ref: false })])
  if (!isReady) host.onWarning('reading the sources takes long; the job starts meanwhile')
  return {
    sources,
    async [Symbol.asyncDispose]() {
      await socket?.[Symbol.asyncDispose]()
      await watched.finish()
    },
  }
}

interface Watched {
  readonly checkpoint: SourceDesk['checkpoint']
  readonly ready: Promise<void>
  readonly finish: () => Promise<void>
}

function watch(
  host: FailableHost,
  { here, inJob, isConfined }: Workspace,
  { fail, finishMs }: { readonly fail: (why: string) => void; readonly finishMs: number },
): Watched {
  const real = realPath(here)
  warnOfUnread(host, real)
  let hasBaseline = false
  let hasChanged = false
  const changed = (what: string): void => {
    if (!hasChanged) fail(what)
    hasChanged = true
  }
  const found = ({ event, path, before, after, process, alarm }: Finding): void => {
    const by = process === undefined ? {} : { process }
    const ids = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
    host.write({ layer: 'file', event, path, ...ids, ...by })
    if (alarm === undefined) return
    host.alarm({ kind: 'source-changed', note: alarm, subject: path, process })
    changed(`${path.length > 200 ? `${path.slice(0, 199)}…` : path} is not what the source says`)
  }
  const told = (one: Exclude<Told, { tell: 'ready' | 'answer' | 'finished' }>): void => {
    if (one.tell === 'finding') found(one)
    else if (one.tell === 'baseline') {
      hasBaseline = true
      host.write({ layer: 'job', event: 'checkpoint', details: { note: noteOf(one) } })
    } else if (one.tell === 'alarm') {
      host.alarm({ kind: one.kind, note: one.note.slice(0, 512) })
      if (one.isBlind) fail('some sources could not be read')
    } else host.onWarning(clipped(one.text, 512))
  }
  const broken = (why: string): void => {
    const note = `the sources were not watched to the end of the job: ${why}`
    host.alarm({ kind: 'unwatched', note: note.slice(0, 512) })
    host.onWarning(note)
    fail('the sources were not watched to the end')
  }
  const { procRoot, netns } = host
  const toolFolders = foldersOfPath(host.environment['PATH']).filter(folder => !folder.startsWith(`${real}/`))
  const allow = host.policy().insight.integrity?.allow ?? []
  const options = { workspace: real, allow, procRoot, netns, toolFolders, isConfined }
  const thread = startThread(options, { told, broken }, finishMs)
  return {
    ready: thread.ready,
    async checkpoint(folder) {
      const asked = folder === undefined ? undefined : inJob(folder, real)
      if (asked !== undefined && 'error' in asked) return { ok: false, error: asked.error }
      const answer = await thread.checkpoint(asked?.folder)
      if (answer.ok && answer.changed > 0) changed('source files are not what their commit says')
      const reasons = host.failures()
      return answer.ok && reasons.length > 0 ? { ...answer, failed: reasons } : answer
    },
    async finish() {
      await thread.finish()
      if (!hasBaseline) fail('nothing was compared with a commit')
    },
  }
}

/** Nobody said where the workspace is. */
function nowhere(host: InsightHost, fail: (why: string) => void, manifest: SourceDesk['manifest']): InsightPart {
  const note =
    "the sources are not watched, as nobody says where the gateway sees the job's workspace: integrity.workspace in the policy does, or workspaceDirectory in the configuration of serve"
  host.alarm({ kind: 'unwatched', note })
  host.onWarning(note)
  fail('the sources were not watched')
  return {
    sources: { checkpoint: async () => ({ ok: false, error: note }), manifest },
    async [Symbol.asyncDispose]() {},
  }
}

/** It may come to be there with the checkout; so it is only said, and at the end it is an alarm if it never was. */
function warnOfUnread({ onWarning }: InsightHost, folder: string): void {
  try {
    readdirSync(folder)
  } catch (cause) {
    onWarning(`the workspace ${folder} cannot be read: ${fileFault(cause)}; nothing is compared until it can`)
  }
}

async function openSocket(
  { jobFolder, onWarning }: InsightHost,
  desk: SourceDesk,
): Promise<AsyncDisposable | undefined> {
  if (jobFolder === undefined) return undefined
  try {
    const onFault = (cause: unknown): void =>
      onWarning(`a fault of ours at the job's socket: ${cause instanceof Error ? cause.message : String(cause)}`)
    return await openCheckpointSocket(`${jobFolder}/job.sock`, desk, onFault)
  } catch (cause) {
    onWarning(
      `the job cannot tell when its checkout is complete: ${cause instanceof Error ? cause.message : String(cause)}`,
    )
    return undefined
  }
}

function noteOf({ folder, commit, was, files, note }: Baseline): string {
  const moved = was === undefined ? '' : `, was ${was}`
  const more = note === '' ? '' : ` (${note})`
  return `source baseline: commit ${commit}${moved}, ${files} files in ${folder}${more}`.slice(0, 512)
}

function manifestNote({ archive, commit, count, paths }: ManifestFindings): string {
  const files = count === 1 ? 'a file' : `${count} files`
  const note = `${archive} holds ${files} that commit ${commit.slice(0, 12)} does not: ${paths.join(', ')}`
  return note.length > 500 ? `${note.slice(0, 499)}…` : note
}
