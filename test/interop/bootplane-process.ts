// A boot plane in a process of its own, so that its memory can be told from its clients': bootplane-process.ts BUDGET_MIB SIZE_MIB.
// Prints its port and serves an initrd of that size until its standard input ends.

import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { createImageCache } from "../../src/boot/image-cache.ts";
import { listenBootPlane } from "../../src/bootplane/listen.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { testBootPlane } from "../fakes/boot-plane.ts";

const mebibyte = 1024 * 1024;
const [budget = 0, size = 0] = process.argv.slice(2).map(Number);
const plane = await testBootPlane({
  images: createImageCache(budget * mebibyte),
  logger: pino({ level: "error" }, pino.destination(2)),
});
const file = openSync(join(plane.directory, "nixos/control-plane/initrd"), "w");
ftruncateSync(file, size * mebibyte);
closeSync(file);
await plane.assets.reload();
const { port } = await listenBootPlane(plane, "127.0.0.1" as Ipv4, 0);
process.stdout.write(`${port}\n`);
process.stdin.once("end", () => void plane.close()).resume();
