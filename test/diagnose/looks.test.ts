import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bmcError } from "../../src/bmc/bmc.ts";
import { lookAtBmc, lookAtInstall, lookAtInstaller } from "../../src/diagnose/looks.ts";
import { lookAtPorts } from "../../src/diagnose/outside-looks.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { putFiles } from "../fakes/asset-directory.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { anOperation, node01 } from "./evidence.ts";

const { signal } = new AbortController();

/** A site whose state directory has the run of operation op-1 with these files. */
function siteWith(files: Readonly<Record<string, string>>): Inventory {
  const stateDirectory = temporaryDirectory();
  mkdirSync(join(stateDirectory, "runs/op-1"), { recursive: true });
  putFiles(join(stateDirectory, "runs/op-1"), files);
  const inventory = exampleInventory();
  return { ...inventory, server: { ...inventory.server, stateDirectory } };
}

const pid = JSON.stringify({ pid: 0, startTime: 0, bootId: "" });
const log =
  "### Formatting hard drive with disko ###\nProblem opening /dev/sdz for reading! Error is 2.\n";
const stopped = anOperation("install", {
  status: "failed",
  failure: { stage: "install", reason: "given up after 900 s", next: "see its log" },
});

test.each([
  ["failed", { pid, log, rc: "4\n" }, stopped, { kind: "failed", fault: "wrong-disk" }],
  ["vanished", { pid, log: "" }, stopped, { kind: "failed", fault: "other" }],
  ["ended well", { pid, log: "### Done! ###\n", rc: "0\n" }, stopped, { kind: "succeeded" }],
  [
    "was given up by the server",
    { pid, log, cancelled: "" },
    stopped,
    { kind: "failed", fault: "wrong-disk", reason: "given up after 900 s" },
  ],
  [
    "was cancelled by a person",
    { pid, log, cancelled: "" },
    anOperation("install", { status: "cancelled" }),
    { kind: "cancelled" },
  ],
  ["was never begun", {}, stopped, { kind: "absent" }],
  ["runs", {}, anOperation("install"), { kind: "running", line: "install" }],
] as const)("an install that %s", async (_what, files, operation, look) => {
  const { rc, ...others } = { rc: undefined, ...files };
  const site = siteWith({ ...others, ...(rc !== undefined && { rc }) });
  expect(await lookAtInstall(site, operation, 0)).toMatchObject(look);
});

test("without an operation there is no install to look at", async () => {
  expect(await lookAtInstall(exampleInventory(), undefined, 0)).toEqual({ kind: "absent" });
});

test("an installer that was never met is not met by a diagnosis", async () => {
  const tools = { inventory: siteWith({}), sshKeyFile: "/nowhere" };
  await expect(lookAtInstaller(tools, node01(), anOperation("installer"), signal)).rejects.toThrow(
    "has not been met yet",
  );
  await expect(lookAtInstaller(tools, node01(), undefined, signal)).rejects.toThrow("no install");
  await expect(lookAtInstaller(tools, node01(), anOperation(undefined), signal)).rejects.toThrow(
    "has ended",
  );
});

test("a BMC's failure is a look, its silence too, and what is no failure of its own is thrown", async () => {
  const bmc = (powerState: () => Promise<"on">) => lookAtBmc({ powerState }, signal, 20);
  expect(await bmc(async () => "on")).toEqual({ kind: "answers", power: "on" });
  expect(
    await bmc(async () => {
      throw bmcError("authentication", "BMC 10.0.10.50", "refused");
    }),
  ).toMatchObject({ kind: "failed", failure: "authentication" });
  expect(await bmc(() => new Promise(() => undefined))).toMatchObject({ failure: "timeout" });
  await expect(
    bmc(async () => {
      throw new Error("our fault");
    }),
  ).rejects.toThrow("our fault");
});

test("an open port is told from a closed one", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const inventory = exampleInventory();
  const services = { ...inventory.services, iam: { port: address.port }, fiberlb: { port: 1 } };
  const node = {
    ...node01(),
    productionAddress: "127.0.0.1" as Ipv4,
    services: ["iam", "fiberlb"] as const,
  };
  expect(await lookAtPorts({ ...inventory, services }, node, signal)).toEqual([
    { service: "iam", port: address.port, state: "open" },
    { service: "fiberlb", port: 1, state: "refused" },
  ]);
});
