// A machine that nobody declared, from its first packet to an active node, through the product's own command line. The tests are one
// story and run in order.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { discoveredAnswer, discoveryShape } from "../../src/api/discovered-shapes.ts";
import { nodesAnswer } from "../../src/api/shapes.ts";
import { ensureDiscoveryImage } from "../../vm-harness/discovery-image.ts";
import { ensureImages } from "../../vm-harness/images/ensure.ts";
import { spawnInNamespace } from "../../vm-harness/network.ts";
import { createRack, type Rack } from "../../vm-harness/rack.ts";
import { flakeOf, type InventoryFile } from "../../vm-harness/rack-inventory.ts";
import { type RackServer, rackstrap, startServer } from "../../vm-harness/server.ts";

const root = join(import.meta.dirname, "../..");
const name = "stranger";
const images = ensureImages();
const discoveryImage = ensureDiscoveryImage();

let rack: Rack;
let server: RackServer;
let directory = "";

beforeAll(async () => {
  mkdirSync(join(root, ".state"), { recursive: true });
  directory = mkdtempSync(join(root, ".state/discovery-"));
  rack = await createRack({
    ...{ directory, images, nodes: [] },
    extraMachines: [{ name, firmware: "uefi", inBandBmc: true }],
  });
  declare(false);
  server = await serve();
});

afterAll(async () => {
  await server?.stop();
  rack?.close();
  if (process.env["RACKSTRAP_KEEP"] === undefined)
    rmSync(directory, { recursive: true, force: true });
});

/** The operator's file, with what he wrote beside it. */
function declare(boot: boolean): void {
  const file = parse(readFileSync(rack.inventoryFile, "utf8")) as InventoryFile;
  const { bmcUser: user, bmcPasswordPath } = rack.machine(name);
  const bmc = { user, password: { file: bmcPasswordPath }, cipherSuite: 3 };
  const profiles = { "control-plane": { role: "control-plane", bmc } };
  const text = stringify({ ...file, discovery: { boot }, profiles });
  writeFileSync(
    rack.inventoryFile,
    `# The rack in the cellar\n${text.replace("nodes:", "# every machine of it\nnodes:")}# the end\n`,
  );
}

function serve(): Promise<RackServer> {
  return startServer(rack.namespace, rack.inventoryFile, join(directory, "server.log"));
}

async function serveAgain(): Promise<void> {
  await server.stop();
  server = await serve();
}

async function run(args: readonly string[], timeoutMs?: number): Promise<string> {
  const { code, stdout, stderr } = await rackstrap(
    ...([rack.namespace, rack.inventoryFile, args, timeoutMs] as const),
  );
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

async function ask<S extends z.ZodType>(args: readonly string[], shape: S): Promise<z.output<S>> {
  return shape.parse(JSON.parse(await run([...args, "--json"])));
}

/** Looks every two seconds until `look` has an answer; fails with what it was waiting for. */
async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline)
      throw new Error(
        `${what}: not seen in ${seconds} s; the console ended with\n${rack.machine(name).consoleLog().slice(-1500)}`,
      );
    await sleep(2000);
  }
}

const power = (action: "on" | "off") => rack.machine(name).ipmitool(["chassis", "power", action]);
const writtenBytes = () => statSync(rack.machine(name).diskPath).blocks * 512;

async function listed() {
  const { mac } = rack.machine(name);
  const { discovered } = await ask(["discovered"], discoveredAnswer);
  return discovered.find((each) => each.mac === mac);
}

test("while discovery is off, a machine in no inventory is listed by its packets and sent to its disk", async () => {
  await power("on");
  const found = await until("the machine is listed", 240, async () => {
    const machine = await listed();
    return machine?.address === undefined ? undefined : machine;
  });
  expect(found.machine).toBeUndefined();
  expect(found.facts).toMatchObject({ arch: expect.stringContaining("7") });
  await until("it is sent to its disk", 120, async () =>
    rack.machine(name).consoleLog().includes("boots its own disk") ? true : undefined,
  );
  expect(rack.machine(name).consoleLog()).not.toContain("discovery image");
  await power("off");
  expect(writtenBytes()).toBe(0);
});

test("allowed, it boots the image, which says what the machine is made of and writes nothing to it", async () => {
  await run(["assets", "import", discoveryImage, "--profile", "discovery", "--activate"], 300_000);
  declare(true);
  await serveAgain();
  spawnInNamespace(
    rack.namespace,
    ["python3", join(root, "vm-harness/lldp-switch.py"), `prov-${name}`, "leaf1", "Eth1/7", "100"],
    { stdio: "ignore" },
  );
  await power("on");
  await until("the image has reported its neighbour", 420, async () =>
    (await listed())?.machine?.switchPort === undefined ? undefined : true,
  );
  const { mac, productionMac } = rack.machine(name);
  const found = await ask(["discovered", mac], discoveryShape);
  const [latest] = found.reports;
  expect(latest?.machine).toMatchObject({
    bootMac: mac,
    system: {
      vendor: "Rack",
      serial: `SN-${name}`,
      uuid: `00000000-0000-4000-8000-${mac.replaceAll(":", "")}`,
    },
    firmware: "uefi",
    secureBoot: false,
    cpu: { sockets: 1, cores: 1, threads: 1 },
    memoryBytes: 1024 ** 3,
    disks: [
      {
        name: "vda",
        serial: name,
        byId: [`virtio-${name}`],
        sizeBytes: 4 * 1024 ** 3,
        readOnly: true,
        removable: false,
      },
    ],
    bmc: { firmware: expect.any(String) },
  });
  expect(latest?.machine.nics).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        mac,
        driver: "virtio_net",
        link: true,
        neighbour: {
          chassis: "00:11:22:33:44:55",
          system: "leaf1",
          port: "Eth1/7",
          portDescription: "to the rack",
          vlan: 100,
        },
      }),
      expect.objectContaining({ mac: productionMac }),
    ]),
  );
  expect(latest?.address).toMatch(/^10\.0\.100\.(1\d\d|200)$/);
  expect(rack.machine(name).consoleLog()).toContain(`rackstrap accept ${mac} --as NAME`);
  expect(writtenBytes()).toBe(0);
});

test("accepted, it stands in the operator's file, whose every line stays", async () => {
  const { mac, bmcAddress } = rack.machine(name);
  const accept = [
    ...["accept", mac, "--as", name, "--profile", "control-plane"],
    ...["--bmc-address", bmcAddress],
  ];
  const before = readFileSync(rack.inventoryFile, "utf8");
  const shown = await run(accept);
  expect(shown).toContain(`+    serial: SN-${name}`);
  const { entry } = await ask(accept, z.object({ entry: z.record(z.string(), z.unknown()) }));
  expect(entry["disk"]).toEqual({ serial: name });
  expect(shown).toContain("nothing is written: add --write");
  expect(readFileSync(rack.inventoryFile, "utf8")).toBe(before);
  await run([...accept, "--disk", "/dev/vda", "--write"]);
  const after = readFileSync(rack.inventoryFile, "utf8");
  for (const line of ["# The rack in the cellar", "# every machine of it", "# the end"])
    expect(after.split("\n")).toContain(line);
  expect((parse(after) as InventoryFile).nodes[name]).toMatchObject({
    ...{ mac, firmware: "uefi", serial: `SN-${name}`, bmc: { address: bmcAddress } },
  });
  expect(writtenBytes()).toBe(0);
});

test("provisioned while the image still waits on it, it becomes an active node", async () => {
  const inventory = parse(readFileSync(rack.inventoryFile, "utf8")) as InventoryFile;
  const key = readFileSync(`${rack.operatorKeyFile}.pub`, "utf8").trim();
  const flake = flakeOf(inventory, join(images, "system"), [key]);
  writeFileSync(join(directory, "flake/rack.json"), `${JSON.stringify(flake, null, 2)}\n`);
  await serveAgain();
  await until("the image is told that its machine was accepted", 120, async () =>
    rack.machine(name).consoleLog().includes(`accepted as node ${name}`) ? true : undefined,
  );
  expect(await listed()).toBeUndefined();
  expect(writtenBytes()).toBe(0);
  await run(["provision", "--execute", name], 15 * 60_000);
  const { nodes } = await ask(["nodes"], nodesAnswer);
  expect(nodes.map(({ state }) => state)).toEqual(["active"]);
  expect(writtenBytes()).toBeGreaterThan(0);
});
