"""cashews, driven by lines: `fill N`, `tags`, `match`; each is answered by a line.

Set up as its documentation shows: one Redis, tags beside the keys, deletion by tag or pattern.
"""

import asyncio
import sys
import time

from cashews import cache

PAGE = "page:{number}:of:the:catalogue"


async def fill(count):
    for number in range(count):
        await cache.set(f"page:{number}:of:the:catalogue", "8 bytes.", expire="1h", tags=["page"])


async def main():
    cache.setup(f"redis://127.0.0.1:{sys.argv[1]}/0", suppress=False)
    cache.register_tag("page", key_template=PAGE)
    acts = {
        "tags": lambda: cache.delete_tags("page"),
        "match": lambda: cache.delete_match("page:*"),
    }
    for line in sys.stdin:
        name, *count = line.split()
        start = time.perf_counter()
        await (fill(int(count[0])) if name == "fill" else acts[name]())
        print(round((time.perf_counter() - start) * 1e6), flush=True)


asyncio.run(main())
