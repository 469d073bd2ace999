// The whole path on the virtual rack, through the product's own command line: real firmware, BMCs, installs and Raft.
// The tests are one story and run in order; each builds on what the ones before it left.

import { readFileSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { certificatesAnswer } from "../../src/api/certificate-shapes.ts";
import { discoveredAnswer } from "../../src/api/discovered-shapes.ts";
import { runInNamespace } from "../../vm-harness/network.ts";
import type { Rack } from "../../vm-harness/rack.ts";
import { createStory, type Story } from "./story.ts";

const founders = ["node01", "node02", "node03"];
const stranger = "stranger";

let story: Story;

beforeAll(async () => {
  story = await createStory({
    nodes: [
      // Each is driven in another way: IPMI over cipher suites 3 and 17, Redfish, and the program ipmitool.
      { name: "node01", firmware: "bios", bmc: "ipmi_sim" },
      { name: "node02", firmware: "uefi", bmc: "ipmi-17" },
      { name: "node03", firmware: "bios", bmc: "redfish" },
      { name: "node04", firmware: "bios", bmc: "ipmitool" },
    ],
    extraMachines: [{ name: stranger, firmware: "bios" }],
  });
});

afterAll(async () => {
  await story?.close();
});

/** Octets that were ever written to a machine's disk: the file is sparse. */
function writtenBytes(name: string): number {
  return statSync(story.rack.machine(name).diskPath).blocks * 512;
}

async function machineId(node: string): Promise<string> {
  return (await story.ssh(node, "cat /etc/machine-id")).trim();
}

/** While `node` is armed, asks in its name from an address that is not its own. */
async function refusesTheInstallOf(node: string): Promise<void> {
  await story.until(`${node} is armed`, 60, async () =>
    (await story.states([node]))[0] === "armed" ? true : undefined,
  );
  const base = `http://10.0.100.10:8080/boot/nodes/${story.rack.machine(node).mac}`;
  const get = ["curl", "--silent", "--show-error", "--max-time", "20"];
  const script = await story.program("the script", [...get, `${base}/boot.ipxe`]);
  expect(script).toContain("boots its own disk");
  expect(script).not.toMatch(/nonce=|kernel/);
  for (const name of ["keys.cpio.gz", "cluster-config.json"])
    expect(await story.program(name, [...get, `${base}/${name}?nonce=guessed`])).toBe(
      "not found\n",
    );
  expect(await story.countEvents(node, "boot-refused")).toBe(3);
}

test("three powered-off, blank machines become a healthy cluster, though the server is killed while node02 installs", async () => {
  expect(await story.states(founders)).toEqual(["registered", "registered", "registered"]);
  const ids = (await story.begin(["provision", ...founders])).map((operation) => operation.id);
  await refusesTheInstallOf("node03");
  await story.until("node02 is installing", 600, async () =>
    (await story.states(["node02"]))[0] === "installing" ? true : undefined,
  );
  await story.killServer();
  const finished = await story.ended(ids, 900);
  expect(finished.map(({ node, status, failure }) => ({ node, status, failure }))).toEqual(
    founders.toReversed().map((node) => ({ node, status: "done", failure: undefined })),
  );
  expect(await story.states(founders)).toEqual(["active", "active", "active"]);
  expect(await story.healthyVoters()).toEqual([3, 3]);
  for (const { node, steps } of finished)
    expect(steps.find(({ id }) => id === "files")?.evidence).toEqual({
      verified: "files",
      files: [
        "/etc/nixos/secrets/cluster-config.json",
        "/etc/nixos/secrets/ca-cert.pem",
        `/etc/nixos/secrets/${node}-cert.pem`,
        `/etc/nixos/secrets/${node}-key.pem`,
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssh/ssh_host_ed25519_key.pub",
      ],
    });
  const issued = await story.ask(["certs", "list"], certificatesAnswer);
  expect(issued.authority).toMatchObject({ encrypted: true, source: "made" });
  expect(issued.certificates.map(({ node, verified }) => [node, verified?.by]).sort()).toEqual(
    founders.map((node) => [node, "files"]),
  );
  for (const node of founders) expect(await story.countEvents(node, "wipe-started")).toBe(1);
  // node02 is declared by its disk's serial number alone, so what was written went through the link to that disk.
  for (const { node, steps } of finished)
    expect(steps.find(({ id }) => id === "installer")?.evidence).toMatchObject({
      disks: [{ device: "/dev/vda", serial: node, contents: [] }],
      summary: expect.stringContaining(`serial ${node}), blank`),
    });
  expect((await story.run(["drift", ...founders])).code).toBe(0);
  for (const node of founders)
    expect(await story.countEvents(node, "keys-served")).toBeGreaterThan(0);
  for (const node of founders)
    expect(await story.countEvents(node, "console-stage-reached")).toBeGreaterThan(0);
});

test("a machine in no inventory gets an address and no installer, is listed, and nothing is written to its disk", async () => {
  const { mac } = story.rack.machine(stranger);
  expect((await story.rack.machine(stranger).ipmitool(["chassis", "power", "on"])).code).toBe(0);
  const found = await story.until("the stranger is listed", 180, async () => {
    const { discovered } = await story.ask(["discovered"], discoveredAnswer);
    return discovered.find((each) => each.mac === mac && each.address !== undefined);
  });
  expect(found.address).toMatch(/^10\.0\.100\.(1\d\d|200)$/);
  await story.until("the stranger is sent to its disk", 120, async () =>
    story.rack.machine(stranger).consoleLog().includes("boots its own disk") ? true : undefined,
  );
  // It has a blank disk and nothing else to boot, so this is as far as it gets.
  await sleep(5000);
  expect(writtenBytes(stranger)).toBe(0);
  expect(story.rack.machine(stranger).consoleLog()).not.toContain("starts the installer");
  await story.rack.machine(stranger).ipmitool(["chassis", "power", "off"]);
});

test("power-cycled with the network first in the boot order, every node comes back from its own disk with its identity and data", async () => {
  await story.curl(
    "node01",
    "/v1/kv/kept",
    "-X",
    "PUT",
    "-H",
    "content-type: application/json",
    "-d",
    '{"value":"over the power cut"}',
  );
  const before = await Promise.all(founders.map(machineId));
  const scripts = await Promise.all(
    founders.map((node) => story.countEvents(node, "boot-script-served")),
  );
  const cycle = (...options: readonly string[]) =>
    story.run(["power", "cycle", ...founders, ...options]);
  const refused = await cycle();
  expect(refused.stderr).toMatch(/would lose its majority: voters 3, .* leaves 0 < 2: refused/);
  expect(refused.code).not.toBe(0);
  const cycled = await cycle("--despite-quorum");
  expect(cycled.code, cycled.stderr).toBe(0);
  await story.until("both layers have three healthy voters again", 420, async () =>
    (await story.healthyVoters()).every((count) => count === 3) ? true : undefined,
  );
  expect(await Promise.all(founders.map(machineId))).toEqual(before);
  expect(new Set(before).size).toBe(3);
  expect(JSON.parse(await story.curl("node03", "/v1/kv/kept"))).toEqual({
    key: "kept",
    value: "over the power cut",
  });
  for (const [index, node] of founders.entries()) {
    // The network was asked first, and its answer was the disk.
    expect(await story.countEvents(node, "boot-script-served")).toBeGreaterThan(
      scripts[index] ?? 0,
    );
    expect(await story.countEvents(node, "wipe-started")).toBe(1);
  }
  expect(await story.states(founders)).toEqual(["active", "active", "active"]);
});

/** Starts the server on a changed inventory, provisions node04, and returns how that failed. */
async function failureOf(change: Parameters<Rack["writeInventory"]>[0], seconds: number) {
  await story.restart(change);
  const [operation] = await story.ended(
    (await story.begin(["provision", "node04"])).map((each) => each.id),
    seconds,
  );
  expect(operation?.status).toBe("failed");
  return operation?.failure;
}

test("a wrong BMC password ends in a failed operation that names stage, reason and remedy", async () => {
  const file = story.rack.machine("node04").bmcPasswordPath;
  const password = readFileSync(file, "utf8");
  writeFileSync(file, "not the password");
  const failure = await failureOf((inventory) => inventory, 120);
  writeFileSync(file, password);
  expect(failure?.stage).toBe("check");
  expect(failure?.reason).toMatch(/BMC 10\.0\.10\.5\d.* user admin/);
  expect(failure?.next).toMatch(/correct the user or password of node node04/);
  expect(await story.states(["node04"])).toEqual(["registered"]);
});

test("a machine that does not boot from the network is restarted once, given up and switched off", async () => {
  await runInNamespace(story.rack.namespace, ["ip", "link", "set", "prov-node04", "down"]);
  const failure = await failureOf(
    (inventory) => ({ ...inventory, timeouts: { ...inventory.timeouts, networkBootSeconds: 20 } }),
    180,
  );
  await runInNamespace(story.rack.namespace, ["ip", "link", "set", "prov-node04", "up"]);
  expect(failure?.stage).toBe("network");
  expect(failure?.reason).toMatch(/was switched on twice and asked for no address within 20 s/);
  expect(story.rack.machine("node04").qemuPid()).toBeUndefined();
  expect(failure?.next).toMatch(/rackstrap explain node04/);
  expect(await story.states(["node04"])).toEqual(["failed"]);
  expect(await story.countEvents("node04", "wipe-started")).toBe(0);
});

test("an installer that ignores the host key it was given ends in a failed operation, before anything is written", async () => {
  const failure = await failureOf(
    (inventory) => ({
      ...inventory,
      profiles: {
        "control-plane": { role: "control-plane", kernelArguments: ["rack.ignoreHostKey"] },
      },
    }),
    300,
  );
  expect(failure?.stage).toBe("installer");
  expect(failure?.reason).toMatch(/another SSH host key than the one pinned for its installer/);
  expect(failure?.next).toMatch(/install\.hostKey: first-use/);
  expect(await story.countEvents("node04", "wipe-started")).toBe(0);
});

test("a node that never joins ends in a failed operation, and the cluster is as healthy as before", async () => {
  const failure = await failureOf(
    (inventory) => ({
      ...inventory,
      timeouts: { ...inventory.timeouts, joinSeconds: 60 },
      install: {
        ...inventory.install,
        command: ["env", "RACK_FAULT_NEVER_JOINS=1", ...(inventory.install.command ?? [])],
      },
    }),
    900,
  );
  expect(failure?.stage).toBe("join");
  expect(failure?.reason).toMatch(
    /node04 is no member of chainfire yet \(members: node01, node02, node03\)/,
  );
  expect(failure?.next).toMatch(/journalctl -u chainfire-cluster-join/);
  expect(await story.healthyVoters()).toEqual([3, 3]);
  expect(await story.states([...founders, "node04"])).toEqual([
    "active",
    "active",
    "active",
    "failed",
  ]);
});
