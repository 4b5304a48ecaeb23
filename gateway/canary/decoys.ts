import type { DecoyFile } from './plant.ts'
import { type Canary, type CanaryForm, makeCanary, placeName } from './values.ts'

/**
 * Variables that look as if a release or a backup used them. No tool reads one of these names: `AWS_ACCESS_KEY_ID`,
 * `GITHUB_TOKEN` or `NPM_TOKEN` would make real tools of a build present a fake credential, and fail.
 */
const variables: readonly (readonly [name: string, form: CanaryForm])[] = [
  ['PROD_AWS_ACCESS_KEY_ID', 'AWS access key id'],
  ['PROD_AWS_SECRET_ACCESS_KEY', 'AWS secret access key'],
  ['DEPLOY_GITHUB_TOKEN', 'GitHub token'],
  ['RELEASE_NPM_TOKEN', 'npm token'],
  ['PROD_AZURE_CLIENT_SECRET', 'Azure client secret'],
  ['BACKUP_STORAGE_ACCOUNT_KEY', 'Azure storage key'],
  ['DEPLOY_PASSWORD', 'password'],
]

/** All that is planted in a job, made from one seed. */
export interface Decoys {
  readonly canaries: readonly Canary[]
  readonly environment: Readonly<Record<string, string>>
  readonly files: readonly DecoyFile[]
}

/** The decoys of a seed. Pure: the same seed gives the same again. */
export function makeDecoys(seed: Buffer): Decoys {
  const inEnvironment = variables.map(([variable, form]) => makeCanary(seed, form, { variable }))
  const files: DecoyFile[] = []
  const inFiles: Canary[] = []
  const file = (path: string, forms: readonly CanaryForm[], render: (...values: string[]) => string): void => {
    const own = forms.map(form => makeCanary(seed, form, { file: path }))
    inFiles.push(...own)
    files.push({ path, text: render(...own.map(({ value }) => value)) })
  }
  // A profile, a registry and a host that nobody has (RFC 2606): tools read these files and find nothing for them in there.
  file(
    '.aws/credentials',
    ['AWS access key id', 'AWS secret access key'],
    (id, secret) => `[archive-production]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
  )
  file('.npmrc', ['npm token'], token => `//npm.archive.example/:_authToken=${token}\n`)
  file('.git-credentials', ['GitHub token'], token => `https://release-bot:${token}@git.archive.example\n`)
  return {
    canaries: [...inEnvironment, ...inFiles],
    environment: Object.fromEntries(inEnvironment.map(({ place, value }) => [placeName(place), value])),
    files,
  }
}
