// Get or set with inval: one reader computes, the others wait, nothing stale is stored.
// Needs: npm install redis (5 or later). getOrSet is for you to copy. The rest shows it:
// "node get_or_set.mjs url wait_ms key..." reads the keys at once, each computed by waiting for a
// value on the list truth:<key> (an empty one is a failure).
import { createClient, createClientPool, RESP_TYPES } from "redis";

const ROUNDS = 3; // how often it is tried before a value is computed that is not cached
const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/**
 * The bytes under key; where there are none, those of compute(), which are then cached.
 *
 * Only who must wait takes a connection of the pool: on the shared one the wait would hold up
 * all others, even the fill that ends it. The pool's acquireTimeout is above waitMs. compute
 * reads the truth anew each time, may be called again, and is done within inval.token-ttl.
 */
async function getOrSet({ client, pool }, key, compute, options) {
  const { ttl, graceMs = 0, tags = [], waitMs = 2000 } = options;
  for (let round = 0; round < ROUNDS; round++) {
    const fetch = ["INVAL.FETCH", key];
    let [state, ...words] = await client.sendCommand(fetch, BYTES);
    if (state === "busy") {
      [state, ...words] = await pool.sendCommand([...fetch, "WAIT", `${waitMs}`], BYTES);
    }
    if (state === "busy") continue;
    const [stale, token] = state === "miss" ? [null, ...words] : words;
    // No token: it is fresh, or another reader is refreshing it. Who has one could return the
    // stale value at once, too, and do the rest in the background.
    if (stale && !token) return stale;
    if (!token) break; // a replica gives none: nothing can be stored there
    let value;
    try {
      value = await compute();
    } catch (error) {
      if (stale) return stale;
      await client.del(key); // voids the token, so that the next in line has its turn now
      throw error;
    }
    const fill = ["INVAL.FILL", key, value, "TOKEN", token, "EX", `${ttl}`];
    if (graceMs) fill.push("GRACE", `${graceMs}`);
    if (tags.length) fill.push("TAGS", `${tags.length}`, ...tags);
    if ((await client.sendCommand(fill))[0] === "filled") return value;
    // Refused: an event came meanwhile, and the value may be from before it.
  }
  return compute();
}

const [url, waitMs, ...keys] = process.argv.slice(2);
const [client, pool] = [createClient({ url }), createClientPool({ url })];
await Promise.all([client.connect(), pool.connect()]);
const options = { ttl: 300, graceMs: 60_000, tags: ["greetings"], waitMs };
const values = await Promise.all(keys.map((key) => getOrSet({ client, pool }, key, async () => {
  const [, value] = await pool.sendCommand(["BLPOP", `truth:${key}`, "0"], BYTES);
  if (value.length) return value;
  throw new Error("empty");
}, options)));
// A pool that is closed may keep the process for seconds.
const lines = values.flatMap((value) => [value, Buffer.from("\n")]);
process.stdout.write(Buffer.concat(lines), () => process.exit());
