import { createHash } from 'node:crypto'

/** How a repository names its objects (`extensions.objectFormat`). */
export type ObjectFormat = 'sha1' | 'sha256'

/** Bytes of an object's id. */
export const idBytes: Readonly<Record<ObjectFormat, number>> = { sha1: 20, sha256: 32 }

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag'

/** The id of an object: the hash of its type, its length and its content. */
export function objectId(format: ObjectFormat, type: ObjectType, content: Uint8Array): string {
  return createHash(format).update(`${type} ${content.length}\0`).update(content).digest('hex')
}

/** Is this a whole id in that format? Lower case, as git writes it. */
export function isId(format: ObjectFormat, text: string): boolean {
  return text.length === idBytes[format] * 2 && /^[0-9a-f]+$/.test(text)
}
