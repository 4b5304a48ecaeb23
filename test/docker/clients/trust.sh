# Asks for something over TLS with each client that is named, in the way that the client is used without a gateway:
# nothing here says what to trust. One line for each, `NAME ok` or `NAME exit CODE` and what the client said.
#   sh trust.sh CLIENT...
set -u
api=https://api.acme.test/echo
npm=https://npm.acme.test/
simple=https://pypi.acme.test/simple/
work=$(mktemp -d)

ask() {
  case $1 in
    curl) curl -fsS "$api?curl" ;;
    git) git clone -q https://git.acme.test/acme/app.git ;;
    wget) wget -q -O - "$api?wget" ;;
    # Without -CAfile: what s_client trusts is what the library trusts.
    openssl)
      printf 'GET /echo?openssl HTTP/1.1\r\nHost: api.acme.test\r\nConnection: close\r\n\r\n' |
        openssl s_client -quiet -verify_return_error -connect api.acme.test:443 -servername api.acme.test
      ;;
    urllib) python3 -c "import urllib.request; urllib.request.urlopen('$api?urllib').read()" ;;
    # The copy that pip brings, for the library itself is not in the image.
    requests) python3 -c "from pip._vendor import requests; requests.get('$api?requests').raise_for_status()" ;;
    pip) pip download --no-cache-dir --disable-pip-version-check --index-url "$simple" lab-wheel && cp ./*.whl /workspace ;;
    uv) uv pip install --system --break-system-packages --no-cache --target . --index-url "$simple" lab-wheel ;;
    ruby) ruby -rnet/http -e "Net::HTTP.get_response(URI('$api?ruby')).value" ;;
    php) php -r "exit(file_get_contents('$api?php') === false ? 1 : 0);" ;;
    # The curl extension is not in the image: that PHP reads the setting is what can be seen.
    php-ini) [ "$(php -r 'echo ini_get("openssl.cafile");')" = /run/tidegate/bundle.pem ] ;;
    apt)
      echo 'deb [trusted=yes] https://apt.acme.test/bookworm ./' >/etc/apt/sources.list
      apt-get update && apt-get install --yes --no-install-recommends libcap2-bin && getcap -h
      ;;
    fetch) node -e "fetch('$api?fetch').then(r => process.exit(r.ok ? 0 : 1))" ;;
    npm) npm install --no-audit --no-fund --no-update-notifier --registry "$npm" --cache ./cache lab-right ;;
    yarn) node /npm-clients/yarn/bin/yarn.js add --registry "$npm" --cache-folder ./cache lab-right ;;
    pnpm) node /npm-clients/pnpm/bin/pnpm.cjs add --registry "$npm" --store-dir ./store lab-right ;;
    # Its own TLS, where no openssl is at hand.
    busybox) busybox wget -O - "$api?busybox" ;;
    # No interpreter is there to install for, so it sends the package that pip has left.
    uv-publish)
      uv publish --no-cache --username lab --password lab --publish-url 'https://api.acme.test/echo?uv-publish' /workspace/*.whl
      ;;
    *) echo "no such client: $1" && return 64 ;;
  esac
}

for client; do
  mkdir "$work/$client" && cd "$work/$client" || exit 1
  echo '{"name":"w","version":"1.0.0"}' >package.json
  if ask "$client" >"$work/said" 2>&1 </dev/null; then
    echo "$client ok"
  else
    echo "$client exit $?"
    sed 's/^/    /' "$work/said"
  fi
done
