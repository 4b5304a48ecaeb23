import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../errors.ts'
import { renderGateScript } from '../container/gate-script.ts'

/** What a build's container has as its entrypoint. */
const gate = 'wait'
/** A socket's path has at most 107 bytes, and the job's is `job.sock` in here. */
const longestPath = 107 - '/job.sock'.length

/**
 * The job's folder, which it sees as /run/tidegate. Disposing leaves nothing of it but the closed gate, where the folder
 * was there before: a container may hold it, or a volume be mounted there, for the next job of that name.
 */
export interface RunFolder extends Disposable {
  readonly path: string
  /** Opens the gate to whoever has the device with this hardware address. @throws GatewayError OUT_UNWRITABLE */
  open(jobMac: string): void
  /** Closes the gate again. */
  close(): void
}

/**
 * Makes the run folder of a job, with its gate and nothing else: what an earlier gateway left is removed first.
 * @throws GatewayError OUT_UNWRITABLE
 */
export function openRunFolder(path: string): RunFolder {
  if (Buffer.byteLength(path) > longestPath)
    throw new GatewayError(
      'OUT_UNWRITABLE',
      `the job's folder ${path} is too deep for a socket in it: at most ${longestPath} bytes`,
    )
  const isNew = writing(path, () => {
    const made = mkdirSync(path, { recursive: true, mode: 0o755 })
    chmodSync(path, 0o755)
    empty(path)
    replace(join(path, gate), renderGateScript(), 0o755)
    return made !== undefined
  })
  const ready = join(path, 'ready')
  return {
    path,
    open: jobMac => writing(path, () => replace(ready, `${jobMac}\n`, 0o644)),
    close: () => rmSync(ready, { force: true }),
    [Symbol.dispose]() {
      if (isNew) rmSync(path, { recursive: true, force: true })
      else empty(path)
    },
  }
}

/**
 * Puts a closed gate where a job that is known by name will look for it: its container may start before it is attached.
 * @throws GatewayError OUT_UNWRITABLE
 */
export function prepareRunFolder(path: string): void {
  const folder = openRunFolder(path)
  folder.close()
}

/** The gate is closed before anything else goes, and stays. */
function empty(path: string): void {
  rmSync(join(path, 'ready'), { force: true })
  for (const name of readdirSync(path)) if (name !== gate) rmSync(join(path, name), { recursive: true, force: true })
}

/** By rename: a reader sees all of it or nothing. */
function replace(file: string, text: string, mode: number): void {
  const draft = `${file}.new`
  writeFileSync(draft, text, { mode })
  chmodSync(draft, mode)
  renameSync(draft, file)
}

function writing<Result>(path: string, action: () => Result): Result {
  try {
    return action()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError('OUT_UNWRITABLE', `the job's folder ${path} cannot be written: ${why}`, { cause })
  }
}
