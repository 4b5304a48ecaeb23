import type { ComposeService } from './compose-services.ts'

/** One init of a compose file and what hangs on its wire. */
export interface ComposeWire {
  readonly init: ComposeService
  /** The service whose network namespace the wire is laid into; undefined when the init names none, or one that is not there. */
  readonly net: ComposeService | undefined
  /** The service whose pid namespace the init shares: the gateway. */
  readonly gateway: ComposeService | undefined
  /** Services on the job's side, `net` first. */
  readonly attached: readonly ComposeService[]
}

/** The wires that a file's services speak of: each has an init that runs `sidecar-init link`. Pure. */
export function wiresOf(services: ReadonlyMap<string, ComposeService>): readonly ComposeWire[] {
  const inits = [...services.values()].filter(isInit)
  return inits.map(init => {
    const net = services.get(serviceOf(init.shape.networkMode) ?? '')
    const gateway = services.get(serviceOf(init.shape.pidMode) ?? '')
    const joined = [...services.values()].filter(
      service => net !== undefined && !isInit(service) && serviceOf(service.shape.networkMode) === net.name,
    )
    return { init, net, gateway, attached: net === undefined ? [] : [net, ...joined] }
  })
}

/** `service:NAME` as the name. */
export function serviceOf(mode: string): string | undefined {
  return /^service:(.+)$/.exec(mode)?.[1]
}

/** Does a service start at the gate, which waits for the wire by itself? */
export function isGated({ words }: ComposeService): boolean {
  const wait = words.findIndex(word => word === 'wait' || word.endsWith('/wait'))
  return wait !== -1 && (words[wait]?.includes('/tidegate/') === true || isProgram(words[wait - 1]))
}

function isInit({ words }: ComposeService): boolean {
  return words.some((word, index) => isProgram(word) && words[index + 1] === 'link')
}

function isProgram(word: string | undefined): boolean {
  return word !== undefined && /(?:^|\/)sidecar-init$/.test(word)
}
