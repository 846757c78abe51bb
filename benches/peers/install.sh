#!/bin/sh
# Installs the libraries that `make bench` measures beside the module, each from its own registry
# and by exact version, into a folder of the build. What cannot be had is left out, with a word.
# Usage: benches/peers/install.sh FOLDER
set -u

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1" || exit 1

say() { echo "peers: $*" >&2; }

python() {
    cmp -s "$here/requirements.txt" python/installed && return
    python3 -m venv python >/dev/null 2>&1 ||
        { "$here/../../.ci/deps.sh" python3-venv && python3 -m venv python; } || return
    python/bin/pip install -q --disable-pip-version-check -r "$here/requirements.txt" || return
    cp "$here/requirements.txt" python/installed
}

node() {
    cmp -s "$here/package.json" node/installed && return
    command -v npm >/dev/null || "$here/../../.ci/deps.sh" nodejs npm || return
    mkdir -p node && cp "$here/package.json" node/ || return
    npm install --prefix node --silent --no-audit --no-fund --ignore-scripts || return
    cp "$here/package.json" node/installed
}

python || say "no django-cacheops and cashews: pip could not install them; the run goes on without"
node || say "no bentocache: npm could not install it; the run goes on without"
