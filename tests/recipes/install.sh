#!/bin/sh
# Installs the client libraries of the recipes by exact version into a folder of the build, where
# they stay, and the Node recipe beside its library, for Node looks nowhere else.
# Usage: tests/recipes/install.sh FOLDER
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/node" && cd "$1"

die() { echo "recipes: $*" >&2; exit 1; }

# A Python that was removed since leaves a link to nothing.
if ! cmp -s "$here/requirements.txt" python/installed || ! [ -x python/bin/python ]; then
    rm -rf python
    python3 -m venv python || die "no python3 with venv; run make runtimes, or .ci/deps.sh python3-venv"
    python/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
        -r "$here/requirements.txt" || die "pip could not install redis; its own messages above say why"
    cp "$here/requirements.txt" python/installed
fi

if ! cmp -s "$here/package.json" node/installed; then
    command -v npm >/dev/null || die "no npm; run make runtimes, or .ci/deps.sh nodejs npm"
    cp "$here/package.json" node/
    npm install --prefix node --no-audit --no-fund --ignore-scripts >&2 ||
        die "npm could not install redis; its own messages above say why"
    cp "$here/package.json" node/installed
fi
command -v node >/dev/null || die "no node; run make runtimes, or .ci/deps.sh nodejs npm"
cp "$here/../../examples/get_or_set.mjs" node/
