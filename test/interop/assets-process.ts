// Imports an image, activates it in place of a folder filled by hand, and collects garbage, as a process that can be killed.
// `node assets-process.ts ROOT IMAGE`.

import { activateSet } from "../../src/boot/asset-store/activate.ts";
import { collectGarbage } from "../../src/boot/asset-store/gc.ts";
import { importSet } from "../../src/boot/asset-store/import.ts";

const [root = "", path = ""] = process.argv.slice(2);
const dayMs = 24 * 60 * 60 * 1000;
const nowMs = Date.now();
const request = { root, profile: "worker", nowMs, onProgress: () => undefined };

const { set } = await importSet({ ...request, path });
await activateSet(request, set.id);
const isRunning = (pid: number) => pid === process.pid;
await collectGarbage({ root, nowMs: nowMs + 2 * dayMs, isRunning, dryRun: false });
