"""Get or set with inval: one reader computes, the others wait, nothing stale is stored.

Needs: pip install redis (and Python 3.10). get_or_set is for you to copy. The rest shows it:
"python3 get_or_set.py url wait_ms key..." reads the keys at once, each computed by waiting for a
value on the list truth:<key> (an empty one is a failure)."""
import sys
from concurrent.futures import ThreadPoolExecutor

import redis

ROUNDS = 3  # how often it is tried before a value is computed that is not cached


def get_or_set(client, key, compute, ttl_s, grace_ms=0, tags=(), wait_ms=2000):
    """The bytes under key; where there are none, those of compute(), which are then cached.

    The client gives bytes (no decode_responses), and its socket_timeout is above wait_ms. compute
    reads the truth anew each time, may be called again, and is done within inval.token-ttl.
    """
    for _ in range(ROUNDS):
        match client.execute_command("INVAL.FETCH", key, "WAIT", wait_ms):
            case [b"hit", value] | [b"stale", value]:
                return value  # stale without a token: another reader is refreshing it
            case [b"stale", stale, token]:
                pass  # could return stale at once, and do the rest in the background
            case [b"miss", token]:
                stale = None
            case [b"busy"]:
                continue
            case _:
                break  # a replica gives no token: nothing can be stored there
        try:
            value = compute()
        except Exception:
            if stale is not None:
                return stale
            client.delete(key)  # voids the token, so that the next in line has its turn now
            raise
        fill = ["INVAL.FILL", key, value, "TOKEN", token, "EX", ttl_s]
        fill += ["GRACE", grace_ms] * bool(grace_ms) + ["TAGS", len(tags), *tags] * bool(tags)
        if client.execute_command(*fill)[0] == b"filled":
            return value
        # Refused: an event came meanwhile, and the value may be from before it.
    return compute()


if __name__ == "__main__":
    url, wait_ms, *keys = sys.argv[1:]
    client = redis.Redis.from_url(url, socket_timeout=None)

    def read(key):
        def compute():
            if value := client.blpop(f"truth:{key}")[1]:
                return value
            raise ValueError("empty")
        return get_or_set(client, key, compute, 300, 60_000, ["greetings"], wait_ms)

    with ThreadPoolExecutor() as pool:
        sys.stdout.buffer.writelines(value + b"\n" for value in pool.map(read, keys))
