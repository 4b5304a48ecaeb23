import { readFileSync } from 'node:fs'

function read(): string {
  const raw: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  if (typeof raw === 'object' && raw !== null && 'version' in raw && typeof raw.version === 'string') return raw.version
  throw new Error('package.json has no version')
}

/** The version of this program, from package.json. */
export const version = read()
