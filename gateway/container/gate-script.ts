import { engineSockets } from './engine-sockets.ts'
import { forbiddenCapabilities } from './capabilities.ts'

/** How long the gate waits when it is not told, seconds. */
export const gateTimeoutSeconds = 60

/**
 * The gate of a build's container as a POSIX shell script, for the job's folder beside `ready` and `env`: it waits until
 * the wire of this very container is proved, refuses a container that could leave it, takes on the trust variables, and
 * becomes the command. It needs a shell and `sleep` of the image, nothing else. Pure.
 */
export function renderGateScript(): string {
  return `#!/bin/sh
# Made by tidegate. An entrypoint: starts the build when its network stands, as sidecar-init's own wait does.
#   wait [--timeout SECONDS] [--no-env] -- COMMAND [ARGUMENT…]
set -eu

tidegate_refuse() {
  printf 'tidegate: %s\\n' "$1" >&2
  exit "\${2:-125}"
}

tidegate_limit=${gateTimeoutSeconds} tidegate_env=yes
while [ $# -gt 0 ]; do
  case $1 in
  --timeout)
    [ $# -gt 1 ] || tidegate_refuse 'wait: --timeout has no value' 2
    tidegate_limit=$2
    shift
    ;;
  --timeout=*) tidegate_limit=\${1#*=} ;;
  --no-env) tidegate_env=no ;;
  --)
    shift
    break
    ;;
  -*) tidegate_refuse "wait: there is no option $1" 2 ;;
  *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || tidegate_refuse 'wait: which command? (wait [--timeout SECONDS] [--no-env] -- COMMAND …)' 2
case $tidegate_limit in
'' | 0* | *[!0-9]* | ??????*) tidegate_refuse "wait: --timeout takes whole seconds from 1 to 99999, not '$tidegate_limit'" 2 ;;
esac
case $0 in
*/*) tidegate_here=\${0%/*} ;;
*) tidegate_here=. ;;
esac

# In a shell of their own: what they set must not change variables of the build that are called alike.
(
  # What this container could leave the wire with.
  seen=
  while read -r name set; do
    case $name in CapPrm: | CapEff: | CapBnd:) ;; *) continue ;; esac
    seen=$seen$name
    high=\${set%????????} low=\${set#????????}
${Object.entries(forbiddenCapabilities).map(renderTest).join('\n')}
  done </proc/self/status
  [ "$seen" = CapPrm:CapEff:CapBnd: ] || tidegate_refuse 'cannot read the capabilities of this container in /proc/self/status'

  # An engine's socket leads out, but for an engine that runs in this network namespace, on our side of the wire.
  for socket in ${engineSockets.join(' ')}; do
    [ -S "$socket" ] || continue
    inside=no
    while read -r line; do
      case $line in *"/\${socket##*/}") inside=yes ;; esac
    done </proc/self/net/unix
    [ "$inside" = yes ] || tidegate_refuse "this container sees an engine's socket, $socket: start it without (compose: no such volume)"
  done

  # The file tells the wire it speaks of: one that an earlier wire left opens nothing.
  device=/sys/class/net/eth0/address
  is_proved() {
    [ -r "$tidegate_here/ready" ] && [ -r "$device" ] || return 1
    { read -r proved <"$tidegate_here/ready" && read -r mine <"$device"; } 2>/dev/null || return 1
    [ "$proved" = "$mine" ]
  }
  is_proved && exit 0
  step=1 left=$tidegate_limit
  if sleep 0.05 2>/dev/null; then step=0.05 left=$((tidegate_limit * 20)); fi
  until is_proved; do
    [ "$left" -gt 0 ] || tidegate_refuse "the wire was not proved within $tidegate_limit s, so the build is not started; see the log of the gateway and of its init"
    sleep "$step" || tidegate_refuse 'wait: this image has no sleep'
    left=$((left - 1))
  done
) || exit

if [ "$tidegate_env" = yes ] && [ -r "$tidegate_here/env" ]; then
  # The JVM takes the last of two equal options.
  tidegate_java=\${JAVA_TOOL_OPTIONS-}
  unset JAVA_TOOL_OPTIONS
  . "$tidegate_here/env"
  [ -z "$tidegate_java" ] || export JAVA_TOOL_OPTIONS="$tidegate_java\${JAVA_TOOL_OPTIONS:+ $JAVA_TOOL_OPTIONS}"
fi
exec "$@"
`
}

function renderTest([name, number]: readonly [name: string, number: number]): string {
  const [word, bit] = number < 32 ? ['low', number] : ['high', number - 32]
  return `    [ $((0x$${word} & ${1 << bit})) -eq 0 ] || tidegate_refuse '${unsafeCapability(name)}'`
}

/** What a container is told that holds a capability it could leave its wire with. */
export function unsafeCapability(name: string): string {
  return `this container has ${name}, with which it could leave its wire: start it without (compose: no privileged, no cap_add)`
}
