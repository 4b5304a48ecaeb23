import fc from 'fast-check'
import t from 'tap'
import { parseNotices } from '../../../gateway/packet/fanotify.ts'

/** struct fanotify_event_metadata, then records. */
function event(mask: number, pid: number, ...records: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(24)
  head.writeUInt32LE(24 + records.reduce((sum, { length }) => sum + length, 0), 0)
  head.writeUInt8(3, 4)
  head.writeUInt16LE(24, 6)
  head.writeBigUInt64LE(BigInt(mask), 8)
  head.writeInt32LE(-1, 16)
  head.writeInt32LE(pid, 20)
  return Buffer.concat([head, ...records])
}

/** struct fanotify_event_info_fid; the name ends with a zero and is filled up, as the kernel does. */
function record(kind: number, handle: string, name = ''): Buffer {
  const text = Buffer.from(name === '' ? '' : `${name}\0`, 'latin1')
  const length = Math.ceil((20 + handle.length + text.length) / 4) * 4
  const bytes = Buffer.alloc(length)
  bytes.writeUInt8(kind, 0)
  bytes.writeUInt16LE(length, 2)
  bytes.writeUInt32LE(handle.length, 12)
  bytes.writeInt32LE(1, 16)
  bytes.write(handle, 20, 'latin1')
  text.copy(bytes, 20 + handle.length)
  return bytes
}

const handle = (text: string): string => record(1, text).toString('latin1', 12, 20 + text.length)

await t.test('notices of the kernel', t => {
  const bytes = Buffer.concat([
    event(0x2 | 0x8, 7, record(1, 'file-id!'), record(2, 'folder-i', 'a\nb')),
    event(0x100 | 0x4000_0000, 8, record(2, 'folder-i', 'new')),
    event(0x4000, 0),
    event(0x40, 9, record(99, 'unknown!'), record(2, 'folder-i', 'gone')),
  ])
  t.match(parseNotices(bytes), [
    { isWritten: true, isClosed: true, pid: 7, file: handle('file-id!'), folder: handle('folder-i'), name: 'a\nb' },
    { hasAppeared: true, isFolder: true, isWritten: false, pid: 8, name: 'new', file: undefined },
    { isOverflow: true, pid: 0, name: undefined },
    { hasGone: true, pid: 9, name: 'gone' },
  ])
  t.end()
})

await t.test('no bytes make it fail or go round in circles', t => {
  const right = event(0x2, 7, record(1, 'file-id!'), record(2, 'folder-i', 'name'))
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      bytes => parseNotices(Buffer.from(bytes)).length <= bytes.length / 24,
    ),
  )
  fc.assert(
    fc.property(fc.nat(right.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const wrong = Buffer.from(right)
      wrong[at] = (wrong[at] ?? 0) ^ change
      return parseNotices(wrong).length <= 1
    }),
  )
  t.end()
})
