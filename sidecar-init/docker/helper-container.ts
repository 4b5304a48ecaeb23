import type { WirePlan } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { proveArguments, provedWord } from '../cli/prove.ts'
import { renderLaying } from '../link/plan.ts'
import type { ContainerFacts, Engine, HelperSpec } from './engine.ts'
import { helperLabel } from './labels.ts'

/**
 * The shell of a helper: lays the wire first, which takes it some milliseconds, and becomes the proof. What it lays comes
 * in a variable, so that it is one and the same script for every container.
 */
const script = 'printf %s "$TIDEGATE_LAYING" | ip -batch - && echo laid && exec sidecar-init prove "$@"'

/** The helper that lays the wire of a container. Pure. */
export function helperSpec(
  container: string,
  gateway: Pick<ContainerFacts, 'id' | 'image'>,
  plan: WirePlan,
): HelperSpec {
  return {
    image: gateway.image,
    network: container,
    pid: gateway.id,
    command: ['sh', '-c', script, 'helper', ...proveArguments(plan)],
    environment: { TIDEGATE_LAYING: renderLaying(plan) },
    labels: { [helperLabel]: container },
  }
}

/**
 * Starts a helper and returns what it proved; `onLaid` is called when the wire is laid.
 * @throws GatewayError WIRE_NOT_PROVED with what it said, or ENGINE_UNREACHABLE
 */
export async function runHelper(
  engine: Engine,
  id: string,
  onLaid: () => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let isLaid = false
  const heard = (): void => {
    if (!isLaid) onLaid()
    isLaid = true
  }
  const { stdout, stderr } = await engine.runHelper(id, heard, signal)
  const [laid, ...checks] = stdout.split('\n').filter(line => line !== '')
  // Its last word, so that one that was cut short has proved nothing.
  if (laid === 'laid' && checks.pop() === provedWord) return checks
  const said = stderr.split('\n').find(line => line !== '') ?? 'its helper ended before it had proved the wire'
  throw new GatewayError('WIRE_NOT_PROVED', said.replace(/^sidecar-init: /, ''))
}
