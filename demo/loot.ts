import type { Lab } from '../test/lab/lab.ts'

/** The secrets that the build holds. */
export interface Secrets {
  readonly AWS_SECRET_ACCESS_KEY: string
  readonly GITHUB_TOKEN: string
}

/** What the attacker has after a run, as seen at the attacker's side. */
export interface Loot {
  /** The attacks of `build.sh` in their order, and whether each of them reached the attacker. */
  readonly attacks: readonly { readonly name: string; readonly reached: boolean }[]
  /** Was a secret of the build anywhere in what arrived? */
  readonly secret: boolean
}

/** Asks the attacker's machine what arrived there. */
export async function lootOf(lab: Lab, secrets: Secrets): Promise<Loot> {
  const { AWS_SECRET_ACCESS_KEY: key, GITHUB_TOKEN: token } = secrets
  const [requests, connections, questions, fronted] = await Promise.all([
    lab.sink.requests(),
    lab.sink.connections(),
    lab.dns.queries({ under: 'evil.test' }),
    lab.origins.requests({ host: 'elsewhere.acme.test' }),
  ])
  const spelled = Buffer.from(key).toString('hex').slice(0, 30)
  const isSpelled = questions.some(({ name = '' }) => name.toLowerCase().includes(spelled))
  const attacks = [
    { name: 'install script of a package', reached: requests.some(({ path }) => path === '/collect') },
    { name: 'changed coverage uploader', reached: requests.some(({ path }) => path === '/upload/v2') },
    { name: 'DNS names that spell the key', reached: isSpelled },
    { name: 'second stage from an address', reached: connections.some(({ address }) => address === '203.0.113.77') },
    { name: 'another host behind a front', reached: fronted.length > 0 },
  ]
  const secret =
    isSpelled ||
    (await lab.sink.contains(key)) ||
    (await lab.sink.contains(token)) ||
    fronted.some(({ body }) => Buffer.from(body.bytes).includes(token))
  // Whatever else arrived at the attacker's is an attack that this list does not know.
  const other = connections.length + questions.length > 0 && attacks.every(({ reached }) => !reached)
  return { attacks: other ? [...attacks, { name: 'something else', reached: true }] : attacks, secret }
}

/** Forgets what arrived so far. */
export async function forget(lab: Lab): Promise<void> {
  await Promise.all([lab.sink.clear(), lab.dns.clear(), lab.origins.clear()])
}
