# shellcheck shell=bash
# Sourced by the programs beside it, which are bash, because other shells drop variables whose names are no words of theirs
# (INPUT_DRY-RUN, npm_config_//host/:_auth); and -p, so that they run nobody's BASH_ENV. Their own variables have a prefix:
# an exported one that is called alike, `version` for one, belongs to the build.

# start FILE [ARGUMENT…]: becomes FILE of this repository.
start() {
  set -eu
  # What a build tells its Node (options, preloads, a cache that it may write) is for its own, not for the gateway's: the job
  # gets it back (gateway/cli/outer-environment.ts).
  for tidegate_name in "${!NODE_@}"; do
    export "TIDEGATE_ASIDE_$tidegate_name=${!tidegate_name}"
    unset "$tidegate_name"
  done
  TIDEGATE_OUTER=$(outer)
  export TIDEGATE_OUTER
  tidegate_here=$(dirname "$(readlink -f "$0")")/..
  tidegate_node=$(find_node "$tidegate_here") || exit
  # A small nursery: what a gateway makes dies young, and 16 MiB (the default) of it would be resident twice, for nothing.
  # The shapes of objects outlive the objects: when its last connection had closed, a gateway would forget with the shapes the code
  # that was compiled for them.
  exec "$tidegate_node" --disable-warning=ExperimentalWarning --max-semi-space-size=8 --retain-maps-for-n-gc=1000000 \
    "$tidegate_here/bin/load.mjs" "$@"
}

# outer: what Node changes of its own process and the job gets back: the soft limit on open files, the signals that are ignored
# (gateway/cli/outer-process.ts). To be called in a shell of its own.
outer() {
  ulimit -Sn
  ignored=$(trap -p)
  for name in SIGHUP SIGINT SIGQUIT SIGTERM; do
    case $ignored in *"'' $name"*) echo "$name" ;; esac
  done
}

# find_node FOLDER: prints the path of a Node that can run TypeScript. To be called in a shell of its own.
find_node() {
  for candidate in "$1"/.node/node_modules/node-linux-*/bin/node "$(command -v node || true)"; do
    [ -x "$candidate" ] || continue
    version=$("$candidate" --version 2>/dev/null || true)
    major=${version#v} major=${major%%.*}
    case $major in '' | *[!0-9]*) continue ;; esac
    if [ "$major" -ge 24 ]; then
      echo "$candidate"
      return
    fi
  done
  echo "${0##*/}: needs Node 24 or later; run 'make setup' in $(readlink -f "$1")" >&2
  return 125
}
