#!/usr/bin/env bash
# The story of a badge, with nothing between the steps but the server itself: a Chainhook's payload
# is added to a stream, a source takes it, a mapping makes events of it, a rule deletes the stale
# keys and queues them, a worker computes them again. Ends with an error when a step fails.
# Needs redis-server and redis-cli, and what `make demo` builds:
#   INVAL_MODULE   the module       (target/release/libinval.so)
#   INVAL_WORKER   the worker       (target/release/examples/warm_worker)
#   INVAL_SERVER   the server's binary
set -euo pipefail
export LC_ALL=C # one order of names
root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
module=${INVAL_MODULE:-$target/release/libinval.so}
worker=${INVAL_WORKER:-$target/release/examples/warm_worker}
server=${INVAL_SERVER:-redis-server}

die() { printf 'demo.sh: %s\n' "$*" >&2; exit 1; }
for file in "$module" "$worker"; do
    [ -f "$file" ] || die "no $file: build it with 'make demo'"
done

# A socket in a directory of its own: no port to collide with.
dir=$(mktemp -d)
socket=$dir/socket
pids=()
stop() {
    if ((${#pids[@]})); then kill "${pids[@]}" 2>/dev/null || true; wait "${pids[@]}" 2>/dev/null || true; fi
    rm -rf "$dir"
}
trap stop EXIT
"$server" --port 0 --unixsocket "$socket" --dir "$dir" --save '' --logfile "$dir/log" \
    --loadmodule "$module" rules "$root/rules/badges.json" &
pids+=($!)

cli() { redis-cli -e -s "$socket" "$@"; }
say() { printf '\n== %s\n' "$*"; }
indent() { sed 's/^/   /'; }
# Prints a command, and what redis-cli shows of the reply; a long argument is cut.
run() {
    local shown=() word
    for word in "$@"; do
        case $word in *[\ \"]*) word="'$word'" ;; esac
        ((${#word} <= 60)) || word="${word:0:50} ...'"
        shown+=("$word")
    done
    printf '   > %s\n' "${shown[*]}"
    cli -3 --no-raw "$@" | indent
}
# The field of a reply: its name on a line, its value on the next.
field() { awk -v name="$1" '!at && $0 == name { at = NR + 1 } NR == at'; }
expect() { [ "$2" = "$3" ] || die "$1: '$2', and not '$3'"; }
live() { for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done; }
# Runs a command until it prints this, for ten seconds at most.
wait_for() {
    local what=$1 wanted=$2 found= i
    shift 2
    for ((i = 0; i < 200; i++)); do
        found=$("$@" 2>/dev/null) || true
        [ "$found" != "$wanted" ] || return 0
        live || break
        sleep 0.05
    done
    tail -n 5 "$dir/log" >&2 || true
    live || die "$what: '$found', and not '$wanted'; the server or the worker has ended"
    die "$what: '$found', and not '$wanted', after ten seconds"
}
cached() { cli --scan | grep -Ev '^(inval:|chainhook)' | sort; }
taken() { cli INVAL.STATS sources | field entries; }
warmed() { cli INVAL.STATS warm | field warmed; }

wait_for "the server does not start" PONG cli PING

say "1. A cache, filled by an application"
stale="badge:42 badges:category:sport badges:count badges:list:all badges:recent badges:search:gold \
badges:user:7:count badges:user:7:list passport:7"
fresh="badges:lists:all badges:user:7:name community:9 users:7"
for key in $stale $fresh; do cli SET "$key" "$key as it was" >/dev/null; done
cached | indent

say "2. What a Chainhook sends becomes events, and the stream it sends to is followed"
cli -x INVAL.MAP LOAD <"$root/rules/chainhook.map.json" >/dev/null
echo "   > INVAL.MAP LOAD < rules/chainhook.map.json"
run INVAL.SOURCE ADD chain STREAM chainhook FORMAT json MAP chainhook

say "3. What will come of the payload: a mint is a call and what the contract prints, and one event"
payload=$(cli -x EVAL 'return cjson.encode(cjson.decode(ARGV[1]).payload)' 0 \
    <"$root/tests/fixtures/chainhook/mint.json")
run INVAL.MAP TEST chainhook "$payload"

say "4. The webhook adds the payload to the stream, as it came (${#payload} bytes), and does nothing else"
run XADD chainhook '*' payload "$payload"
wait_for "entries of the stream that were taken" 1 taken
expect "events of the entry" "$(cli INVAL.STATS sources | field events)" 1
expect "entries that could not be taken" "$(cli INVAL.STATS sources | field dead)" 0

say "5. What is left: near misses, and nothing stale"
expect "keys left" "$(cached | xargs)" "$fresh"
cached | indent

say "6. The keys that went wait for a worker, with the event that took them"
count=$(wc -w <<<"$stale")
expect "keys in inval:warm:high" "$(cli XLEN inval:warm:high)" "$((count))"
echo "   > XRANGE inval:warm:high - + COUNT 1"
cli XRANGE inval:warm:high - + COUNT 1 | cut -c 1-100 | indent
echo "   ... $((count)) entries in all"

say "7. A worker (examples/warm_worker) computes them again; a real one asks the database"
"$worker" "unix://$socket" demo >"$dir/worker" 2>&1 &
pids+=($!)
wait_for "keys that are back" "$((count))" warmed
wait_for "entries left in inval:warm:high" 0 cli XLEN inval:warm:high
expect "keys" "$(cached | xargs)" "$(printf '%s\n' $stale $fresh | sort | xargs)"
cached | indent
printf '   > GET badges:count\n'
value=$(cli GET badges:count)
case $value in "badges:count computed after badge-mint "*) ;; *) die "badges:count holds '$value'" ;; esac
printf '   "%s ..."\n' "${value:0:90}"

say "8. The same payload once more, with an id, and again: a webhook that is not sure sends twice"
for _ in 1 2; do cli XADD chainhook '*' id block-150000 payload "$payload" >/dev/null; done
wait_for "entries of the stream that were taken" 3 taken
expect "entries that were taken already" "$(cli INVAL.STATS sources | field skipped)" 1
echo "   of three entries one was skipped"

say "9. What the server counted"
wait_for "keys that are back" "$((2 * count))" warmed
run INVAL.STATS sources
run INVAL.STATS warm | sed -n 1,10p
