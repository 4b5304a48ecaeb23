import { credentialsIn, isGithubToken } from './credential.ts'
import type { Home } from './homes.ts'

/** A credential that a job was started with. */
export interface OwnCredential {
  readonly secret: string
  readonly variable: string
  /** Where it is known to be at home. */
  readonly home: Home | undefined
}

const secretName = /TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|APIKEY|API_KEY|(?:^|_)(?:PAT|AUTH|KEY|PWD)(?:_|$)/i
const webToken = /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/

/** Names under which CI systems hand their own tokens to a job. */
const homes: ReadonlyMap<string, Home> = new Map(
  Object.entries({
    GITHUB_TOKEN: 'github',
    GH_TOKEN: 'github',
    GH_ENTERPRISE_TOKEN: 'github',
    GITHUB_ENTERPRISE_TOKEN: 'github',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'github',
    ACTIONS_RUNTIME_TOKEN: 'github',
    SYSTEM_ACCESSTOKEN: 'azure',
    AZURE_DEVOPS_EXT_PAT: 'azure',
    AZP_TOKEN: 'azure',
  } as const),
)

/** The shortest text that is taken for a credential, characters: below it, a name says more than a value. */
const shortest = 8

/**
 * The credentials in a job's environment: values of variables with a telling name, values that look like tokens, and
 * Authorization fields that git is configured with (`GIT_CONFIG_VALUE_n`). Known names come first.
 */
export function ownCredentials(environment: Readonly<Record<string, string | undefined>>): readonly OwnCredential[] {
  const found: OwnCredential[] = []
  for (const [variable, value = ''] of Object.entries(environment)) {
    const secret = credentialsIn(value.replace(/^authorization:/i, ''))[0] ?? value
    if (secret.length < shortest || /\s|^\.{0,2}\/|:\/\//.test(secret) || !/^\w{1,64}$/.test(variable)) continue
    const home = isGithubToken(secret) ? 'github' : homes.get(variable)
    if (home === undefined && secret === value && !secretName.test(variable) && !webToken.test(value)) continue
    found.push({ secret, variable, home })
  }
  return found.toSorted((a, b) => Number(homes.has(b.variable)) - Number(homes.has(a.variable)))
}
