// The product, whose inventory is edited again and again while perfdhcp asks for addresses: none of its exchanges may be lost.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Mac } from "../../src/net/mac.ts";
import { createMachines, type Machines, machine } from "./dhcp-faults/machines.ts";
import {
  createNetwork,
  health,
  openRelay,
  type Relay,
  removeNetwork,
} from "./dhcp-faults/network.ts";
import {
  reserved,
  type ServerUnderTest,
  startProduct,
  writeInventory,
} from "./dhcp-faults/server-under-test.ts";
import { ip, requireTools } from "./host.ts";

const run = promisify(execFile);
const clientSpace = "rsf-client";
const perfdhcpAddress = "10.77.0.3";

let directory: string;
let file: string;
let relay: Relay;
let machines: Machines;
let server: ServerUnderTest;

beforeAll(async () => {
  await requireTools({
    ip: "iproute2",
    perfdhcp: "kea-admin",
    curl: "curl",
    "ssh-keygen": "openssh-client",
  });
  await createNetwork();
  await ip(`-n ${clientSpace} addr add ${perfdhcpAddress}/16 dev rsf-c0`);
  relay = await openRelay();
  machines = createMachines(relay);
  directory = mkdtempSync(join(tmpdir(), "rackstrap-reload-"));
  mkdirSync(join(directory, "state"));
  file = join(directory, "site.json");
  writeInventory(file, directory);
  server = startProduct(file);
  await server.settled;
}, 60_000);

afterAll(async () => {
  await server?.kill();
  await relay?.close();
  await removeNetwork();
  if (directory !== undefined) rmSync(directory, { recursive: true });
});

interface Inventory {
  site: string;
  readonly networks: { readonly provisioning: { leaseSeconds?: number; pool: { end: string } } };
  dhcp: { subnets?: object };
  readonly nodes: Record<string, object>;
}

let good: Inventory;

/** Writes the good inventory with a change, which stays. */
function edit(change: (inventory: Inventory) => void, how: "renamed" | "in place"): void {
  good ??= JSON.parse(readFileSync(file, "utf8")) as Inventory;
  change(good);
  const target = how === "renamed" ? `${file}.new` : file;
  writeFileSync(target, JSON.stringify(good));
  if (how === "renamed") renameSync(target, file);
}

const leaseSeconds = (seconds: number) => (inventory: Inventory) => {
  inventory.networks.provisioning.leaseSeconds = seconds;
};

const node02 = { mac: "02:fa:17:ff:00:51" as Mac, address: "10.77.0.51" };

/** Valid edits of several kinds, with an invalid file in between; each is waited for in the log. */
async function editAgainAndAgain(): Promise<number> {
  let edits = 0;
  const tookNote = async (text: string) => {
    await server.printed(text);
    edits += 1;
  };
  edit(({ nodes }) => {
    nodes["node02"] = {
      ...nodes["node01"],
      ...{ mac: node02.mac, provisioningAddress: node02.address, productionAddress: "10.78.0.11" },
      bmc: { address: "10.79.0.11", user: "admin", password: { env: "BMC_PASSWORD" } },
    };
  }, "renamed");
  await tookNote('"added":["node02"]');
  edit(({ dhcp }) => {
    const pool = { start: "10.76.0.10", end: "10.76.9.250" };
    dhcp.subnets = { rack: { cidr: "10.76.0.0/16", gateway: "10.76.0.1", pool } };
  }, "in place");
  await tookNote('"path":"dhcp.subnets.rack"');
  for (let round = 0; round < 20; round += 1) {
    writeFileSync(file, JSON.stringify(good).slice(0, 600 + round));
    process.kill(server.pid() ?? 0, "SIGHUP");
    await tookNote(`site.json:1:${601 + round}: `);
    edit(leaseSeconds(3000 + round), round % 2 === 0 ? "renamed" : "in place");
    await tookNote(`"to":"${3000 + round}"`);
  }
  edit(({ networks }) => {
    networks.provisioning.pool.end = "10.77.240.250";
  }, "renamed");
  await tookNote('"to":"10.77.1.1-10.77.240.250"');
  return edits;
}

it("loses no exchange while the inventory is edited, and keeps the last good one under an invalid edit", {
  timeout: 180_000,
}, async () => {
  expect(await machines.lease(reserved.mac, AbortSignal.timeout(10_000))).toBe(reserved.address);
  const before = await machines.lease(machine(1), AbortSignal.timeout(10_000));
  const load = ["-r", "200", "-R", "3000", "-p", "25", "-W", "2000000", "-l", perfdhcpAddress];
  const argv = ["netns", "exec", clientSpace, "perfdhcp", "-4", ...load, "10.77.0.1"];
  const asking = run("ip", argv).catch((error) => error as { stdout: string });
  expect(await editAgainAndAgain()).toBe(43);
  let isAsking = true;
  void asking.then(() => {
    isAsking = false;
  });
  await new Promise((resolve) => setImmediate(resolve));
  // Else the edits outlasted the load, and nothing was shown.
  expect(isAsking).toBe(true);
  const { stdout } = await asking;
  expect(stdout.match(/drops: .*/g)).toEqual(["drops: 0", "drops: 0"]);
  expect(Number(/received packets: (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(4_000);
  expect(await machines.lease(node02.mac, AbortSignal.timeout(10_000))).toBe(node02.address);
  expect(await machines.lease(machine(1), AbortSignal.timeout(10_000))).toBe(before);
});

it("says in /health that a file was not taken, and that machines are served all the same", {
  timeout: 60_000,
}, async () => {
  const healthy = await health();
  expect([healthy.status, JSON.parse(healthy.body)]).toEqual([
    200,
    { status: "healthy", services: { dhcp: "running", tftp: "running", http: "running" } },
  ]);
  edit((inventory) => {
    inventory.site = "Not A Name";
  }, "renamed");
  await server.printed('\\"Not A Name\\"');
  const answer = await health();
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
    200,
    { status: "healthy", inventory: expect.stringContaining("can't be taken") },
  ]);
  expect(await machines.lease(node02.mac, AbortSignal.timeout(10_000))).toBe(node02.address);
});
