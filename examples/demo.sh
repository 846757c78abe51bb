#!/usr/bin/env bash
# The story of a badge: fill a cache, mint a badge, watch exactly the stale keys go.
# Needs redis-server, redis-cli and the module (INVAL_MODULE, or target/release/libinval.so).
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
module=${INVAL_MODULE:-$here/target/release/libinval.so}
server=${INVAL_SERVER:-redis-server}
dir=$(mktemp -d)
socket=$dir/socket

# A socket in a directory of its own: no port to collide with.
"$server" --port 0 --unixsocket "$socket" --dir "$dir" --save '' --logfile "$dir/log" \
    --loadmodule "$module" rules "$here/rules/badges.json" &
pid=$!
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
cli() { redis-cli -s "$socket" "$@"; }
until cli PING >/dev/null 2>&1; do
    kill -0 $pid 2>/dev/null || { echo "the server did not start:" >&2; tail -5 "$dir/log" >&2; exit 1; }
    sleep 0.05
done
say() { printf '\n== %s\n' "$*"; }
show() { cli --scan | sort | sed 's/^/   /'; }

say "1. A cache, filled by an application"
cli MSET badges:list:all all badges:recent recent badges:count 3 badges:search:gold s1 \
    badges:category:sport c1 badges:user:42:list l42 badges:user:42:count 2 \
    badges:user:43:list l43 passport:42 p42 badge:7 b7 >/dev/null
cli MSET badges:user:42:name Ann badges:lists:all no community:9 cm users:42 u42 >/dev/null
show

say "2. User 42 is minted a badge. What would go?"
cli -3 --no-raw INVAL.EVENT badge-mint '{"userId":"42","badgeId":"7"}' DRYRUN | sed 's/^/   /'

say "3. It happens: one command, one atomic step"
event='{"userId":"42","badgeId":"7","badgeName":"Pioneer","blockHeight":175000}'
printf "   INVAL.EVENT badge-mint '%s'\n" "$event"
cli -3 --no-raw INVAL.EVENT badge-mint "$event" | sed 's/^/   /'

say "4. What is left: near misses, and nothing stale"
cli --scan | grep -v '^inval:' | sort | sed 's/^/   /'

say "5. The deleted keys wait for a worker to warm them (examples/warm_worker.py)"
cli XREVRANGE inval:warm:high + - COUNT 1 | sed 's/^/   /'
printf '   ... %s entries in all\n' "$(cli XLEN inval:warm:high)"

say "6. A worker computes one of them again, and stores it"
token=$(cli INVAL.FETCH badges:count | tail -1)
printf '   INVAL.FILL badges:count 4 TOKEN %s EX 300: ' "$token"
cli INVAL.FILL badges:count 4 TOKEN "$token" EX 300
cli -3 --no-raw INVAL.STATS warm | head -7 | sed 's/^/   /'

say "7. What the server counted"
cli -3 --no-raw INVAL.STATS rules | head -12 | sed 's/^/   /'
