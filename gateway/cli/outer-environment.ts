import { outerVariable } from './outer-process.ts'

/** Before the name of what bin/tidegate keeps from the gateway's own Node. */
const aside = 'TIDEGATE_ASIDE_'

/** The environment as the user set it: what bin/tidegate put aside is back under its own name. Pure. */
export function outerEnvironment(
  own: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const { [outerVariable]: _told, ...rest } = own
  return Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name.startsWith(aside) ? name.slice(aside.length) : name, value]),
  )
}
