import { jobName, maxWaitMs, policyName } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { run } from '../../gateway/packet/run.ts'
import { defaultControlPath } from '../control.ts'
import { link } from '../link/link.ts'
import { whileLinked } from '../link/stay.ts'
import { parseInitArguments, parseTimeout } from './arguments.ts'
import type { InitCommand } from './program.ts'

const usage = `usage: sidecar-init link --job NAME [--policy NAME] [--control PATH] [--timeout SECONDS] [--stay]

Lays the wire between the network namespace it runs in, which is the job's, and
the gateway's, and proves it: nothing leaves the job but through the gateway.
Ends then, or stays. It needs NET_ADMIN and no other capability, the gateway's pid
namespace (compose: pid: service:gateway) and the gateway's control socket.

  --job NAME         the job's name: letters, digits, '.', '_', '-'
  --policy NAME      a policy of the gateway's policy folder; default: what its
                     configuration says for the job
  --control PATH     the control socket (default ${defaultControlPath})
  --timeout SECONDS  for all of it, the gateway's start included (default 30, at most ${maxWaitMs / 1_000})
  --stay             go on running while the wire stands: for 'docker compose up
                     --abort-on-container-exit', which takes the first
                     container that ends for the build

exit: 0 the wire stands and is proved (also when it did before), 2 wrong usage,
125 there is no wire, or with --stay not any more; the first line on stderr
says why
`

/** `sidecar-init link`: one job, once. */
export const linkCommand: InitCommand = {
  name: 'link',
  summary: 'lay the wire of the job whose network namespace this is',
  usage,
  async run(args, io) {
    const { stays, ...options } = parseCommandLine(args)
    const { isNew, jobMac, checks } = await link({ run, ...options }, io.signal)
    io.stderr.write(isNew ? `sidecar-init: linked; proved: ${checks.join('; ')}\n` : 'sidecar-init: linked already\n')
    if (stays) await whileLinked(jobMac, io.signal)
    return 0
  },
}

function parseCommandLine(args: readonly string[]) {
  const { values } = parseInitArguments('link', {
    args: [...args],
    options: {
      control: { type: 'string', default: defaultControlPath },
      job: { type: 'string' },
      policy: { type: 'string' },
      timeout: { type: 'string', default: '30' },
      stay: { type: 'boolean', default: false },
    },
  })
  const { control, job, policy, timeout, stay: stays } = values
  if (job === undefined) throw new GatewayError('USAGE', "link: --job is missing (see 'sidecar-init link --help')")
  const timeoutMs = parseTimeout('link', timeout)
  if (timeoutMs > maxWaitMs) throw new GatewayError('USAGE', `link: --timeout is at most ${maxWaitMs / 1_000} seconds`)
  requireName('--job', jobName.safeParse(job))
  if (policy === undefined) return { control, job, timeoutMs, stays }
  requireName('--policy', policyName.safeParse(policy))
  return { control, job, policy, timeoutMs, stays }
}

function requireName(
  option: string,
  { success, error }: { success: boolean; error?: { issues: readonly { message: string }[] } },
) {
  if (!success) throw new GatewayError('USAGE', `link: ${option} ${error?.issues[0]?.message ?? 'is no name'}`)
}
