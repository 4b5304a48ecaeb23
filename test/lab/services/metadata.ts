import { metadataAddresses } from '../addresses.ts'
import type { Handler } from '../origins/exchange.ts'
import { json } from '../origins/routes.ts'
import type { ServiceContext } from './start.ts'

/** The secret that must never reach a build; tests search for it. */
export const metadataSecret = 'lab-metadata-secret-token'

/** Cloud metadata stubs that hand credentials to anybody who asks. */
export async function startMetadata({ front, places }: ServiceContext): Promise<void> {
  for (const address of metadataAddresses) places.set(address, answer)
  await Promise.all(
    metadataAddresses.flatMap(address => [
      front.listenPlain(address),
      ...(address === '168.63.129.16' ? [front.listenPlain(address, 32_526)] : []),
    ]),
  )
}

const answer: Handler = ({ path }) => {
  if (path.startsWith('/latest/api/token')) return { status: 200, body: metadataSecret }
  if (path.startsWith('/metadata/identity'))
    return json({ access_token: metadataSecret, token_type: 'Bearer', resource: 'https://management.azure.example/' })
  return json({ AccessKeyId: 'LABKEY', SecretAccessKey: metadataSecret, Token: metadataSecret })
}
