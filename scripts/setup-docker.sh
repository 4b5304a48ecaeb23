#!/bin/sh
# What the tests with containers need besides packages, all of it in .setup/docker: an engine with compose and buildx where
# the machine has none that is new enough, and base images made from Debian packages, because no registry is asked.
# Called by setup.sh; works on Debian 12 and 13. The machine's own apt configuration is read and never changed.
set -eu
cd "$(dirname "$0")/.."
cache=$PWD/.setup/docker
materials=$cache/materials
programs=$cache/programs
# What base images hold, and what can be installed into them in tests (from an archive that the lab serves).
image_suite=bookworm
shelf='nftables iproute2 ca-certificates libcap2-bin curl wget git openssl python3 python3-pip python3-venv ruby php-cli
  bind9-dnsutils netcat-openbsd socat iputils-ping procps busybox-static'
npm_version=11.19.1
uv_version=0.13.9
recipe=1
# Package managers that take what npm serves; the tests of what each toolchain trusts run them.
npm_clients='yarn@1.22.22 pnpm@10.34.9'

say() { printf 'setup: %s\n' "$*" >&2; }
needs_root() { [ "$(id -u)" = 0 ] || { say "needs root to $1"; exit 1; }; }

# The first archive of Debian itself that this machine uses, wherever its mirror is; also before the first `apt-get update`.
mirror() {
  apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v codename="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == codename && $3 == "main" { print $1; exit }'
}

# private_apt NAME SUITE [STATUS]: an apt of our own for one suite, with its own lists and its own idea of what is installed.
private_apt() {
  apt_dir=$cache/apt/$1
  mkdir -p "$apt_dir/lists/partial" "$apt_dir/archives/partial"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(mirror)" "$2" > "$apt_dir/sources.list"
  cat > "$apt_dir/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt_dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$apt_dir/lists";
Dir::State::status "${3:-/var/lib/dpkg/status}";
Dir::State::extended_states "$apt_dir/extended_states";
Dir::Cache "$apt_dir";
Dir::Cache::archives "$apt_dir/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
APT::Sandbox::User "root";
Binary::apt-get::APT::Keep-Downloaded-Packages "true";
CONF
  export APT_CONFIG="$apt_dir/apt.conf"
  apt-get update -q >&2
}

# Engines of Docker 24 and later, with compose 2 and buildx, count as new enough.
machine_has_docker() {
  version=$(dockerd --version 2>/dev/null | sed -n 's/^Docker version \([0-9]*\)\..*/\1/p')
  [ "${version:-0}" -ge 24 ] && docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1
}

if ! machine_has_docker && [ ! -e "$programs/complete" ]; then
  needs_root 'unpack the engine'
  # shellcheck disable=SC1091 # every Debian has it
  suite=$(. /etc/os-release && [ "${VERSION_ID:-99}" -lt 13 ] && echo trixie || (. /etc/os-release && echo "$VERSION_CODENAME"))
  say "unpacking Docker from Debian $suite beside the repository (.setup/docker/programs)"
  rm -rf "$programs" "$cache/apt/engine"
  mkdir -p "$programs/bin" "$programs/cli-plugins" "$cache/apt/engine/tree"
  (
    private_apt engine "$suite"
    cd "$cache/apt/engine"
    apt-get download -q docker.io docker-cli docker-compose docker-buildx containerd >&2
    for package in ./*.deb; do dpkg-deb -x "$package" tree; done
  )
  tree=$cache/apt/engine/tree
  mv "$tree/usr/sbin/dockerd" "$tree/usr/sbin/docker-proxy" "$tree/usr/bin/docker" "$tree/usr/bin/containerd" \
    "$tree/usr/bin/containerd-shim-runc-v2" "$programs/bin"
  mv "$tree/usr/libexec/docker/cli-plugins/docker-compose" "$tree/usr/libexec/docker/cli-plugins/docker-buildx" \
    "$programs/cli-plugins"
  rm -rf "$cache/apt/engine"
  touch "$programs/complete"
fi

wanted="$recipe $image_suite $npm_version $uv_version $shelf"
if [ "$(cat "$materials/complete" 2>/dev/null || true)" != "$wanted" ]; then
  needs_root 'make base images'
  say 'making the base images from Debian packages (half a minute)'
  rm -rf "$materials" "$cache/apt/shelf"
  mkdir -p "$materials/archive"
  mmdebstrap --quiet --mode=root --variant=minbase --format=tar --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --keyring=/usr/share/keyrings \
    "$image_suite" "$materials/debian.tar" "$(mirror)" >&2
  tar -xOf "$materials/debian.tar" ./var/lib/dpkg/status > "$materials/status"
  (
    private_apt shelf "$image_suite" "$materials/status"
    # shellcheck disable=SC2086 # a list of words
    apt-get install -q -y --no-install-recommends --download-only $shelf >&2
    mv "$cache/apt/shelf/archives"/*.deb "$materials/archive"
  )
  rm -rf "$cache/apt"
  npm install --no-save --no-package-lock --no-audit --no-fund --prefix "$materials/npm" "npm@$npm_version" >&2
  # A program that is linked with musl, for the image that is like Alpine's.
  pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform "musllinux_1_1_$(uname -m)" --dest "$materials" "uv==$uv_version" >&2
  python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])' "$materials"/uv-*.whl "$materials/wheel"
  install -D --mode=755 "$materials"/wheel/uv-*.data/scripts/uv "$materials/uv/uv"
  rm -r "$materials"/uv-*.whl "$materials/wheel"
  (cd "$materials/archive" && apt-ftparchive packages . > Packages && apt-ftparchive release . > Release)
  printf '%s' "$wanted" > "$materials/complete"
fi

if [ "$(cat "$materials/npm-clients/complete" 2>/dev/null || true)" != "$npm_clients" ]; then
  rm -rf "$materials/npm-clients"
  # shellcheck disable=SC2086 # a list of words
  npm install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --prefix "$materials/npm-clients" $npm_clients >&2
  printf '%s' "$npm_clients" > "$materials/npm-clients/complete"
fi

# npm packages of the product, for builds of its image without a registry.
if ! cmp -s package-lock.json "$materials/packages/package-lock.json"; then
  say 'fetching the npm packages of the image'
  list=$(node test/docker/engine/list-packages.ts)
  rm -rf "$materials/packages"
  mkdir -p "$materials/packages"
  # shellcheck disable=SC2086 # a list of words
  npm pack --silent --pack-destination "$materials/packages" $list > /dev/null
  cp package-lock.json "$materials/packages"
fi

node test/docker/engine/prepare.ts
