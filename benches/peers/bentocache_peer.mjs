// bentocache, driven by lines: `fill N`, `tags`, `clear`; each is answered by a line.
//
// Set up as its documentation shows for several instances: memory first, Redis second, and a bus.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// The libraries are installed in a folder of the build, not beside this file.
const [port, folder] = process.argv.slice(2);
const { resolve } = createRequire(`${folder}/node_modules/`);
const load = (name) => import(pathToFileURL(resolve(name)));
const { BentoCache, bentostore } = await load("bentocache");
const { memoryDriver } = await load("bentocache/drivers/memory");
const { redisBusDriver, redisDriver } = await load("bentocache/drivers/redis");

const connection = { host: "127.0.0.1", port: Number(port) };
const bento = new BentoCache({
  default: "multitier",
  stores: {
    multitier: bentostore({ ttl: "1h", prefix: "bento" })
      .useL1Layer(memoryDriver({ maxSize: "10mb" }))
      .useL2Layer(redisDriver({ connection }))
      .useBus(redisBusDriver({ connection })),
  },
});
const pages = bento.namespace("page");

const acts = {
  async fill(count) {
    for (let number = 0; number < Number(count); number++) {
      await pages.set({ key: `${number}`, value: "8 bytes.", tags: ["page"] });
    }
  },
  tags: () => bento.deleteByTag({ tags: ["page"] }),
  clear: () => pages.clear(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, count] = line.split(" ");
  const start = performance.now();
  await acts[name](count);
  console.log(Math.round((performance.now() - start) * 1000));
}
await bento.disconnectAll();
