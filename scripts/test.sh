#!/bin/sh
# Runs the checks and tests and ends with one line, `N passed, N failed`, over all of them.
#   test.sh [lint|unit|kernel|docker|fuzz|memory|all|ci]   (memory is a part of kernel; ci: all and docker)
set -u
cd "$(dirname "$0")/.."
tier=${1:-all}
docker=$tier
# Last, so that what needs less is known first; its setup is one of the checks, so that the rest counts when it fails.
if [ "$tier" = ci ]; then tier=all docker=ci; fi
passed=0
failed=0
failures=
log=$(mktemp)
formatted=$log.formatted
trap 'rm -f "$log" "$formatted"' EXIT

check() { # check NAME COMMAND…: one check that passes when the command does
  name=$1
  shift
  if "$@" > "$log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok      %s\n' "$name"
  else
    failed=$((failed + 1))
    failures="$failures\n  $name"
    printf 'FAILED  %s\n' "$name"
    cat "$log"
  fi
}

ended() { # ended PID OUTPUT: what was started before, as if it were done now
  wait "$1"
  status=$?
  cat "$2"
  return $status
}

suite() { # suite NAME JOBS FILE…: tap files, whose assertions are counted
  name=$1
  jobs=$2
  shift 2
  [ "$#" -gt 0 ] || return 0
  printf '\n== %s\n' "$name"
  node scripts/test-files.ts "$jobs" "$@" > "$log" 2>&1
  status=$?
  node scripts/tap-summary.ts "$log" "$status" > "$log.sum"
  cat "$log.sum"
  counts=$(tail -n 1 "$log.sum")
  rm -f "$log.sum"
  passed=$((passed + ${counts%% *}))
  bad=$(printf '%s' "$counts" | awk '{ print $3 }')
  failed=$((failed + bad))
  [ "$bad" = 0 ] || failures="$failures\n  $name"
}

if [ "$tier" = lint ] || [ "$tier" = all ]; then
  # Beside the others: it takes as long as they do together, on one core.
  npx --no-install prettier --check . > "$formatted" 2>&1 &
  formatting=$!
  check 'types (tsc)' npx --no-install tsc
  check 'lint (oxlint, type-aware)' npx --no-install oxlint --type-aware --deny-warnings
  check 'dead code (knip)' npx --no-install knip
  check 'format (prettier)' ended "$formatting" "$formatted"
fi
# shellcheck disable=SC2046 # lists of file names without spaces
{
  if [ "$tier" = unit ] || [ "$tier" = all ]; then
    suite 'unit' 2 $(find test/repo test/gateway test/bench test/sidecar-init -name '*.test.ts' 2>/dev/null | sort)
  fi
  if [ "$tier" = fuzz ] || [ "$tier" = all ]; then
    suite 'fuzz' 2 $(find test/fuzz -name '*.test.ts' 2>/dev/null | sort)
  fi
  if [ "$tier" = kernel ] || [ "$tier" = all ]; then
    suite 'lab' 2 $(find test/lab-selftest -name '*.test.ts' 2>/dev/null | sort)
    suite 'kernel' 2 $(find test/netns -name '*.test.ts' 2>/dev/null | sort)
    suite 'end to end' 2 $(find test/e2e -name '*.test.ts' 2>/dev/null | sort)
  fi
  if [ "$docker" = ci ]; then check 'setup of the tests with containers' sh scripts/setup.sh docker; fi
  if [ "$docker" = docker ] || [ "$docker" = ci ]; then suite 'containers' 1 $(find test/docker -name '*.test.ts' 2>/dev/null | sort); fi
  if [ "$tier" = memory ]; then suite 'memory' 1 test/e2e/memory.test.ts; fi
}

# shellcheck disable=SC2059 # the list holds its own line ends
[ -z "$failures" ] || printf "\nfailed:$failures\n"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
