import { closeSync, readSync } from 'node:fs'
import { call } from './libc.ts'

// include/uapi/linux/fanotify.h
const FAN_CLOEXEC = 0x1
const FAN_NONBLOCK = 0x2
const FAN_UNLIMITED_MARKS = 0x20
const FAN_REPORT_FID = 0x200
const FAN_REPORT_DIR_FID = 0x400
const FAN_REPORT_NAME = 0x800
const FAN_MARK_ADD = 0x1
const FAN_MARK_DONT_FOLLOW = 0x4
const FAN_MARK_ONLYDIR = 0x8
const FAN_MODIFY = 0x2
const FAN_CLOSE_WRITE = 0x8
const FAN_MOVED_FROM = 0x40
const FAN_MOVED_TO = 0x80
const FAN_CREATE = 0x100
const FAN_DELETE = 0x200
const FAN_Q_OVERFLOW = 0x4000
const FAN_EVENT_ON_CHILD = 0x800_0000
const FAN_ONDIR = 0x4000_0000
const FAN_EVENT_INFO_TYPE_FID = 1
const FAN_EVENT_INFO_TYPE_DFID_NAME = 2
// include/uapi/linux/fcntl.h
const AT_FDCWD = -100
const AT_HANDLE_FID = 0x200
const MAX_HANDLE_SZ = 128
// include/uapi/asm-generic/poll.h
const POLLIN = 1

const written = FAN_MODIFY | FAN_CLOSE_WRITE
const entries = FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_ONDIR
/** struct fanotify_event_metadata: length at 0, its own at 6, mask at 8, pid at 20. */
const headBytes = 24
const bufferBytes = 256 * 1_024

/** What the kernel told, once or several times merged: the same process and the same file. */
export interface FileNotice {
  /** Events of this watch were lost. */
  readonly isOverflow: boolean
  /** It is about a folder in the folder. */
  readonly isFolder: boolean
  /** Written to, and perhaps not finished. */
  readonly isWritten: boolean
  /** Closed by one who could write, appeared, or went. */
  readonly isClosed: boolean
  readonly hasAppeared: boolean
  readonly hasGone: boolean
  /** Who did it, as our own pid namespace numbers it. 0 when it is not in there. */
  readonly pid: number
  /** The folder by which it was reached, as `watchFolder` named it, and the name there (one character per octet). */
  readonly folder?: string
  readonly name?: string
  /** The file itself, as `watchFile` named it. */
  readonly file?: string
}

/** Notices of the kernel about marked folders and files, whatever the name or mount they are reached by. */
export interface Fanotify extends Disposable {
  /**
   * Marks a folder: what comes, goes and is renamed right in it, and with `writes` also what is written to there. The answer
   * names it in notices; undefined when it is not there.
   */
  watchFolder(path: Buffer, writes: boolean): string | undefined
  /** Marks a file itself, so that it is told when it is reached by another name. */
  watchFile(path: Buffer): string | undefined
  /** Waits up to so many milliseconds, which blocks this thread, and reads what there is. */
  read(waitMs: number): readonly FileNotice[]
}

/**
 * Opens a watch of files that says who did it (fanotify(7), Linux 5.9; needs CAP_SYS_ADMIN). The name of the error when the
 * kernel has none for us.
 */
export function openFanotify(): Fanotify | { readonly errno: string } {
  const reports = FAN_REPORT_FID | FAN_REPORT_DIR_FID | FAN_REPORT_NAME
  const opened = call('fanotify_init', FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS | reports, 0)
  if ('errno' in opened) return opened
  const fd = opened.value
  const buffer = Buffer.alloc(bufferBytes)
  // struct pollfd
  const polled = Buffer.alloc(8)
  polled.writeInt32LE(fd, 0)
  polled.writeInt16LE(POLLIN, 4)
  const mark = (path: Buffer, flags: number, mask: number): string | undefined => {
    const name = Buffer.concat([path, Buffer.alloc(1)])
    const outcome = call('fanotify_mark', fd, FAN_MARK_ADD | FAN_MARK_DONT_FOLLOW | flags, mask, AT_FDCWD, name)
    return 'errno' in outcome ? undefined : handleOf(name)
  }
  return {
    watchFolder: (path, writes) =>
      mark(path, FAN_MARK_ONLYDIR, writes ? entries | written | FAN_EVENT_ON_CHILD : entries),
    watchFile: path => mark(path, 0, written),
    read(waitMs) {
      const outcome = call('poll', polled, 1, waitMs)
      if ('errno' in outcome || outcome.value === 0) return []
      return parseNotices(buffer.subarray(0, readSync(fd, buffer)))
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

/** struct file_handle: length at 0, type at 4, then what the file system calls it by. */
function handleOf(name: Buffer): string | undefined {
  const mount = Buffer.alloc(4)
  // Overlays give no handle that could be opened, only one to compare, since Linux 6.5.
  for (const flags of [0, AT_HANDLE_FID]) {
    const handle = Buffer.alloc(8 + MAX_HANDLE_SZ)
    handle.writeUInt32LE(MAX_HANDLE_SZ, 0)
    const outcome = call('name_to_handle_at', AT_FDCWD, name, handle, mount, flags)
    if (!('errno' in outcome)) return handle.toString('latin1', 0, 8 + handle.readUInt32LE(0))
  }
  return undefined
}

/** Pure. What it does not know it leaves out, as the kernel may add kinds of facts. */
export function parseNotices(bytes: Buffer): readonly FileNotice[] {
  const notices: FileNotice[] = []
  for (let at = 0; at + headBytes <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < headBytes || at + length > bytes.length) break
    const mask = bytes.readUInt32LE(at + 8)
    const has = (bits: number): boolean => (mask & bits) !== 0
    notices.push({
      isOverflow: has(FAN_Q_OVERFLOW),
      isFolder: has(FAN_ONDIR),
      isWritten: has(FAN_MODIFY),
      isClosed: has(FAN_CLOSE_WRITE),
      hasAppeared: has(FAN_CREATE | FAN_MOVED_TO),
      hasGone: has(FAN_DELETE | FAN_MOVED_FROM),
      pid: bytes.readInt32LE(at + 20),
      ...parseFacts(bytes.subarray(at + bytes.readUInt16LE(at + 6), at + length)),
    })
    at += length
  }
  return notices
}

/** Records of kind (1 byte), length at 2, id of the file system at 4, handle at 12, and a name after it for some. */
function parseFacts(bytes: Buffer): Pick<FileNotice, 'folder' | 'name' | 'file'> {
  const facts: { folder?: string; name?: string; file?: string } = {}
  for (let at = 0; at + 20 <= bytes.length;) {
    const kind = bytes[at]
    const length = bytes.readUInt16LE(at + 2)
    const end = at + 20 + bytes.readUInt32LE(at + 12)
    if (length < 20 || end > bytes.length) break
    const handle = bytes.toString('latin1', at + 12, end)
    if (kind === FAN_EVENT_INFO_TYPE_FID) facts.file = handle
    if (kind === FAN_EVENT_INFO_TYPE_DFID_NAME) {
      facts.folder = handle
      facts.name = bytes.toString('latin1', end, bytes.indexOf(0, end))
    }
    at += length
  }
  return facts
}
