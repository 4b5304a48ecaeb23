import type { Minter } from '../certificates/authority.ts'
import type { Handler } from '../origins/exchange.ts'
import type { Front } from '../origins/front.ts'
import type { Recorder } from '../origins/recorder.ts'
import type { InternetConfig, Service } from '../servers/internet-offer.ts'

/** What a service may use and add to. */
export interface ServiceContext {
  readonly config: InternetConfig
  readonly minter: Minter
  readonly recorder: Recorder
  readonly front: Front
  /** Handlers by host name. */
  readonly hosts: Map<string, Handler>
  /** Handlers by the address the client connected to; they come before names. */
  readonly places: Map<string, Handler>
  /** Pids of programs, by service. */
  readonly pids: Record<string, number>
}

/** Starts one service; its code is loaded only now. */
export async function startService(service: Service, context: ServiceContext): Promise<void> {
  switch (service) {
    case 'origins':
      return
    case 'metadata':
      return (await import('./metadata.ts')).startMetadata(context)
    case 'neighbour':
      return (await import('./neighbour.ts')).startNeighbour(context)
    case 'bulk':
      return (await import('./bulk.ts')).startBulk(context)
    case 'grpc':
      return (await import('./grpc.ts')).startGrpc(context)
    case 'websocket':
      return (await import('./websocket.ts')).startWebsocket(context)
    case 'git':
      return (await import('./git.ts')).startGit(context)
    case 'npm':
      return (await import('./npm.ts')).startNpm(context)
    case 'python':
      return (await import('./python.ts')).startPython(context)
    case 'debian':
      return (await import('./debian.ts')).startDebian(context)
    case 'ssh':
      return (await import('./ssh.ts')).startSsh(context)
    default:
      throw new Error(`unknown service: ${String(service satisfies never)}`)
  }
}
