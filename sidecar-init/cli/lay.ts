import process from 'node:process'
import { run } from '../../gateway/packet/run.ts'
import { namespaceFolder } from '../docker/helper-container.ts'
import { obeyOrders } from '../docker/lay-orders.ts'
import { parseInitArguments } from './arguments.ts'
import type { InitCommand } from './program.ts'

const usage = `usage: sidecar-init lay

Lays and proves wires as the lines of its standard input say, and tells on its
standard output how that went, until its input ends: the helper containers of
'docker' (sidecar-init/docker/lay-protocol.ts). It needs NET_ADMIN and
the gateway's pid namespace, as 'link' does; to lay wires of other network
namespaces than its own, SYS_ADMIN and the engine's folder of them at
${namespaceFolder}.

exit: 0 its input has ended, 125 an order cannot be read, 2 wrong usage
`

/** `sidecar-init lay`. */
export const layCommand: InitCommand = {
  name: 'lay',
  summary: 'lay and prove wires as standard input says',
  usage,
  async run(args, io) {
    parseInitArguments('lay', { args: [...args], options: {} })
    const report = (said: object): void => void io.stdout.write(`${JSON.stringify(said)}\n`)
    io.signal.addEventListener('abort', stopReading, { once: true })
    try {
      await obeyOrders(chunks(), { run, namespaces: namespaceFolder, report }, io.signal)
    } catch (cause) {
      if (!io.signal.aborted) throw cause
    }
    return 0
  },
}

function stopReading(): void {
  process.stdin.destroy()
}

async function* chunks(): AsyncIterable<Buffer> {
  for await (const chunk of process.stdin) yield Buffer.from(chunk)
}
