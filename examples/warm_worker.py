"""Computes deleted keys again: python3 warm_worker.py [url] [name] [idle_ms]

Rules with "warmCache" queue the keys that they delete on streams, one for each priority. Any number
of these workers share them: each entry goes to one of them, and is gone when its value is stored.
compute is for you to replace. Needs: pip install redis (and Python 3.10).
"""
import os
import signal
import sys
import time

import redis

QUEUES = ["inval:warm:high", "inval:warm:medium", "inval:warm:low"]  # in this order
DEAD = "inval:warm:dead"  # what could not be computed, with the reason
GROUP = "warmers"
HELD = 16  # entries of one queue that a worker has at a time
DELIVERIES = 6  # to workers, until an entry is dead
TTL_S = 300


def compute(key, event, payload):
    """The value to store under a key, from the truth; None when the key is not yours."""
    return b"%s computed after %s %s" % (key, event, payload)


class Worker:
    def __init__(self, url, name, idle_ms):
        self.url, self.name, self.idle_ms = url, name, idle_ms
        self.held, self.reasons = {}, {}  # by the number of the queue and the id of the entry
        self.warmed = self.failed = 0
        self.stopped, self.told_at = False, 0

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: setattr(self, "stopped", True))
        while not self.stopped:
            try:
                self.connect()
                while not self.stopped:
                    self.turn()
            except redis.RedisError as error:  # also while it loads, or after FLUSHALL
                print(f"\n{error}; trying again", file=sys.stderr)
                time.sleep(1)
        print()

    def connect(self):
        self.held, self.looked_at = {}, 0  # what was held comes back when it was idle
        self.server = redis.Redis.from_url(self.url, protocol=2, socket_timeout=10)
        seconds, micros = self.server.time()
        self.ahead_ms = seconds * 1000 + micros // 1000 - time.time() * 1000
        for queue in QUEUES:
            try:
                self.server.xgroup_create(queue, GROUP, "0", mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    def turn(self):
        now_ms = time.time() * 1000 + self.ahead_ms
        if now_ms >= self.looked_at + min(self.idle_ms, 1000):
            self.looked_at = now_ms
            self.look_after_others(now_ms)
            self.tell()
        wait_ms = min([1000, self.idle_ms, *(int(e[b"due"]) - now_ms for e in self.held.values())])
        if wait_ms <= 0:
            self.work(*min(at for at, entry in self.held.items() if int(entry[b"due"]) <= now_ms))
        room = {q: ">" for n, q in enumerate(QUEUES) if sum(at[0] == n for at in self.held) < HELD}
        block = max(1, int(wait_ms)) if wait_ms > 0 else None
        if room:
            for queue, entries in self.server.xreadgroup(GROUP, self.name, room, HELD, block):
                self.hold(QUEUES.index(queue.decode()), entries)
        elif block:
            time.sleep(block / 1000)

    def hold(self, number, entries):
        self.held.update({(number, id): entry for id, entry in entries if entry})

    def work(self, number, id):
        entry = self.held.pop((number, id))
        key, stale = entry[b"key"], []
        try:
            match self.server.execute_command("INVAL.FETCH", key):
                case [b"hit", _]:
                    return self.done(number, id)
                case [b"miss" | b"stale", *stale, token]:
                    value = None
                    try:
                        value = compute(key, entry[b"event"], entry[b"payload"])
                    finally:
                        if value is None and not stale:
                            self.server.delete(key)  # voids the token: no reader waits for us
                    if value is None:
                        return self.done(number, id)
                    fill = ("INVAL.FILL", key, value, "TOKEN", token, "EX", TTL_S)
                    stored, *why = self.server.execute_command(*fill)
                    if stored == b"filled":
                        self.warmed += 1
                        return self.done(number, id)
                    raise ValueError(why[0].decode())  # it was invalidated meanwhile
                case _:
                    raise ValueError("another client was about to store it")
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception as error:  # it stays, and comes back when it was idle
            self.failed += 1
            self.reasons[number, id] = str(error)

    def done(self, number, id, *dead):
        self.reasons.pop((number, id), None)
        with self.server.pipeline() as steps:
            if dead:
                steps.xadd(DEAD, *dead, maxlen=10_000)
            steps.xack(QUEUES[number], GROUP, id).xdel(QUEUES[number], id).execute()

    def look_after_others(self, now_ms):
        """Takes entries over that nobody works on; those that failed, after ever longer times."""
        for number, queue in enumerate(QUEUES):
            own = [id for n, id in self.held if n == number]
            if own:  # says that somebody does
                self.server.xclaim(queue, GROUP, self.name, 0, own, justid=True)
            for row in self.server.xpending_range(queue, GROUP, "-", "+", 100, idle=self.idle_ms):
                id, times = row["message_id"], row["times_delivered"]
                wait_ms = self.idle_ms << min(times - 1, DELIVERIES)
                found = self.server.xrange(queue, id, id)
                if not found:  # it was the oldest of too many
                    self.server.xack(queue, GROUP, id)
                elif min(row["time_since_delivered"], now_ms - int(found[0][1][b"due"])) >= wait_ms:
                    taken = self.server.xclaim(queue, GROUP, self.name, wait_ms, [id])
                    if taken and times >= DELIVERIES:
                        reason = self.reasons.get((number, id), "no worker came to an end with it")
                        self.done(number, id, {**taken[0][1], b"reason": reason})
                    else:
                        self.hold(number, taken)

    def tell(self):
        is_terminal = sys.stdout.isatty()
        if is_terminal or time.time() >= self.told_at + 5:
            self.told_at = time.time()
            waiting = sum(self.server.xlen(queue) for queue in QUEUES)
            line = f"warmed {self.warmed}, failed {self.failed}, waiting {waiting}"
            print(f"\r{line}\33[K" if is_terminal else line, end="" if is_terminal else "\n", flush=True)


if __name__ == "__main__":
    url, name, idle_ms = (sys.argv[1:] + ["", "", ""])[:3]
    Worker(url or "redis://127.0.0.1", name or f"worker-{os.getpid()}", int(idle_ms or 5000)).run()
