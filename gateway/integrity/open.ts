import { realpathSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { InsightHost, InsightPart } from '../insight/part.ts'
import { type CheckpointDesk, openCheckpointSocket } from './checkpoint-socket.ts'
import type { Baseline, Finding, ManifestFindings, Told } from './messages.ts'
import { startThread } from './thread.ts'
import { foldersOfPath } from './tools.ts'

/** The job waits so long for the baseline at its start, in milliseconds; then that goes on beside it, and it is said. */
const longestStartMs = 30_000

/**
 * Watches the job's sources: what a commit says of them against what is there (docs/integrity.md). It never keeps a job from
 * running nor ends one: what cannot be watched is told by an `unwatched` alarm.
 */
export async function openIntegrity(host: InsightHost): Promise<InsightPart> {
  const settings = host.policy().insight.integrity
  const workspace = realPath(settings?.workspace ?? host.cwd)
  let changed = 0
  const found = ({ event, path, before, after, process, alarm }: Finding): void => {
    const by = process === undefined ? {} : { process }
    const ids = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
    host.write({ layer: 'file', event, path, ...ids, ...by })
    if (alarm === undefined) return
    changed += 1
    host.alarm({ kind: 'source-changed', note: alarm, subject: path, process })
  }
  const told = (one: Exclude<Told, { tell: 'ready' | 'answer' | 'finished' }>): void => {
    if (one.tell === 'finding') found(one)
    else if (one.tell === 'baseline') host.write({ layer: 'job', event: 'checkpoint', details: { note: noteOf(one) } })
    else if (one.tell === 'alarm') host.alarm({ kind: one.kind, note: one.note })
    else host.onWarning(one.text)
  }
  let isBroken = false
  const broken = (why: string): void => {
    isBroken = true
    const note = `the sources were not watched to the end of the job: ${why}`
    host.alarm({ kind: 'unwatched', note: note.slice(0, 512) })
    host.onWarning(note)
  }
  const toolFolders = foldersOfPath(host.environment['PATH']).filter(folder => !folder.startsWith(`${workspace}/`))
  const { procRoot } = host
  const thread = startThread({ workspace, allow: settings?.allow ?? [], procRoot, toolFolders }, { told, broken })
  const socket = await openSocket(host, {
    checkpoint: folder => thread.checkpoint(folder),
    manifest: findings => {
      changed += 1
      host.alarm({ kind: 'not-in-source', note: manifestNote(findings), subject: findings.archive })
    },
  })
  const isReady = await Promise.race([thread.ready.then(() => true), wait(longestStartMs, false, { ref: false })])
  if (!isReady) host.onWarning('reading the sources takes long; the job starts meanwhile')
  return {
    failure() {
      if (settings?.onChange !== 'fail') return undefined
      if (changed > 0) return `${changed} changes of sources (integrity.onChange: fail)`
      return isBroken ? 'the sources were not watched to the end (integrity.onChange: fail)' : undefined
    },
    async [Symbol.asyncDispose]() {
      await socket?.[Symbol.asyncDispose]()
      await thread.finish()
    },
  }
}

async function openSocket(
  { jobFolder, onWarning }: InsightHost,
  desk: CheckpointDesk,
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

/** Where links lead, as the kernel names places in notices; as written while it is not there yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path.replace(/\/+$/, '')
  }
}
