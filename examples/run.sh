#!/usr/bin/env bash
# Starts a Redis server with the module in it, to try things by hand, and stops
# it on Ctrl-C. It keeps nothing: its data are in a folder that goes with it.
# Usage: [PORT=6379] examples/run.sh     (`make run` builds the module first)
#   PORT          the first port to try, then the next free one up to 100 on
#   INVAL_MODULE  the module; INVAL_SERVER  the server's binary
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
module=${INVAL_MODULE:-${CARGO_TARGET_DIR:-$root/target}/release/libinval.so}
server=${INVAL_SERVER:-redis-server}
first=${PORT:-6379}

die() { echo "run.sh: $*" >&2; exit 1; }
busy() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

[ -f "$module" ] || die "no module at $module: build it with 'make build'"
module=$(cd "$(dirname "$module")" && pwd)/${module##*/} # the server changes directory
for c in "$server" redis-cli; do
    command -v "$c" >/dev/null || die "$c not found: install it with 'make deps'"
done
if ! [[ $first =~ ^[0-9]{1,5}$ ]] || ((10#$first < 1 || 10#$first > 65535)); then
    die "PORT=$first is no port: give a number from 1 to 65535"
fi
first=$((10#$first))

last=$((first + 100 > 65535 ? 65535 : first + 100))
for ((port = first; port <= last; port++)); do busy "$port" || break; done
((port <= last)) || die "ports $first to $last are all busy: give another with PORT="
((port == first)) || echo "Port $first is busy, so this server takes $port."

dir=$(mktemp -d)
pid=
stop() {
    trap '' INT TERM HUP # a second Ctrl-C must not leave half of it behind
    if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
    rm -rf "$dir"
}
trap stop EXIT
trap 'echo; echo "Stopped."; exit 0' INT TERM HUP

# Loopback only: this server has no password.
"$server" --port "$port" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly no \
    --daemonize no --loadmodule "$module" rules "$root/rules" >"$dir/log" 2>&1 &
pid=$!

fail() {
    echo "run.sh: $1; the end of its log:" >&2
    tail -n 15 "$dir/log" | sed 's/^/    /' >&2
    exit 1
}

# The process is looked at first: a PONG from a stranger that took the port
# meanwhile must not count.
up=
for ((i = 0; i < 100; i++)); do
    kill -0 "$pid" 2>/dev/null || fail "the server did not start"
    if [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; then up=1; break; fi
    sleep 0.1
done
[ -n "$up" ] || fail "the server did not answer within 10 seconds"

echo "A server with the module is up; Ctrl-C stops it. From another terminal:"
echo
echo "    redis-cli -3 -p $port"
if [ -f "$root/examples/tour.txt" ]; then
    echo
    echo "and there:"
    echo
    sed 's/^/    /' "$root/examples/tour.txt"
fi
echo

wait "$pid" 2>/dev/null || fail "the server ended by itself"
echo "The server was shut down."
