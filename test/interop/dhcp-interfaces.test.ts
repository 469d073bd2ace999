// The whole server on two networks of its own, with a third interface that it does not serve: addresses, TFTP and HTTP of
// each network, and what it says of another DHCP server.
//
//   rsl-server
//   rsl-s0 10.77.0.1/24 ───── eth0 of rsl-c0     the provisioning network
//   rsl-s1 10.77.1.1/24 ───── eth0 of rsl-c1     network rack-b
//   rsl-s2 10.77.2.1/24 ───── eth0 of rsl-c2     not served

import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assetDirectory } from "../fakes/asset-directory.ts";
import { minimalLoader } from "../fakes/loaders.ts";
import { openLink } from "./dhcp-conformance/link.ts";
import { addressBytes, encodeMessage } from "./dhcp-conformance/message.ts";
import { type Lab, openLab, type Program } from "./dhcp-lab/lab.ts";

const serverSpace = "rsl-server";
const wires = [0, 1, 2];
const clientSpace = (wire: number) => `rsl-c${wire}`;
const nodeMac = "02:77:00:00:04:50";
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let lab: Lab;
let server: Program;
let assets: string;
let inventoryFile: string;

beforeAll(async () => {
  lab = await openLab([serverSpace, ...wires.map(clientSpace)], { udhcpc: "udhcpc", curl: "curl" });
  for (const wire of wires)
    await lab.ip(
      `-n ${serverSpace} link add rsl-s${wire} type veth peer name eth0 netns ${clientSpace(wire)}`,
      `-n ${serverSpace} addr add 10.77.${wire}.1/24 dev rsl-s${wire}`,
      `-n ${serverSpace} link set rsl-s${wire} up`,
      `-n ${clientSpace(wire)} link set eth0 up`,
    );
  assets = assetDirectory();
  inventoryFile = join(lab.directory, "site.json");
  writeFileSync(inventoryFile, JSON.stringify(inventory()));
  server = lab.start(serverSpace, process.execPath, main, "serve", "--inventory", inventoryFile);
  await server.said("server started");
});

afterAll(async () => {
  await server?.stop();
  await lab?.close();
  if (assets !== undefined) rmSync(assets, { recursive: true });
});

function inventory() {
  const network = (third: number) => ({
    cidr: `10.77.${third}.0/24`,
    gateway: `10.77.${third}.254`,
    pool: { start: `10.77.${third}.100`, end: `10.77.${third}.149` },
    dns: [`10.77.${third}.1`],
    domain: "prov.example.com",
  });
  return {
    site: "example",
    domain: "example.com",
    cluster: { name: "prod-cluster" },
    server: {
      ...{ address: "10.77.0.1", interface: "rsl-s0", interfaces: { "rsl-s1": "10.77.1.1" } },
      stateDirectory: join(lab.directory, "state"),
      assetDirectory: assets,
    },
    networks: {
      provisioning: network(0),
      production: { cidr: "10.0.200.0/24", gateway: "10.0.200.1", dns: ["10.0.200.1"] },
      management: { cidr: "10.0.10.0/24" },
    },
    dhcp: { subnets: { "rack-b": { ...network(1), interface: "rsl-s1" } } },
    install: { flake: "./flake" },
    profiles: { "control-plane": { role: "control-plane" } },
    nodes: {
      node01: {
        mac: nodeMac,
        ...{ profile: "control-plane", firmware: "uefi", disk: "/dev/sda" },
        ...{ provisioningAddress: "10.77.1.50", productionAddress: "10.0.200.10" },
        bmc: { address: "10.0.10.50", user: "admin", password: { env: "BMC_PASSWORD" } },
      },
    },
  };
}

/** One lease for a machine that runs iPXE, taken up as its script would. */
async function lease(wire: number, mac: string): Promise<Record<string, string>> {
  const space = clientSpace(wire);
  await lab.ip(`-n ${space} addr flush dev eth0`, `-n ${space} link set eth0 address ${mac}`);
  const script = join(lab.directory, "hook");
  const env = join(lab.directory, "hook.env");
  writeFileSync(
    script,
    `#!/bin/sh\n[ "$1" = bound ] || exit 0\nenv >${env}\nip addr add "$ip/24" dev eth0\n`,
  );
  chmodSync(script, 0o755);
  const ipxe = ["-x", "0x5d:0007", "-x", "0x4d:69505845"];
  const argv = ["-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s", script, ...ipxe];
  await lab.run(space, "udhcpc", "-V", "PXEClient:Arch:00007", ...argv);
  const lines = readFileSync(env, "utf8").split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));
}

const curl = async (wire: number, ...argv: string[]) =>
  (await lab.run(clientSpace(wire), "curl", "-sS", "--max-time", "2", ...argv)).stdout;

const rackstrap = (...argv: string[]) =>
  lab.run(serverSpace, process.execPath, main, ...argv, "--inventory", inventoryFile);

describe.each([
  [0, "the provisioning network", "02:77:00:00:04:00", /^10\.77\.0\.1[0-4]\d$/],
  [1, "the network of the further interface", "02:77:00:00:04:01", /^10\.77\.1\.1[0-4]\d$/],
  [1, "that network, with a reservation", nodeMac, /^10\.77\.1\.50$/],
])("on wire %s, %s, a machine", (wire, _, mac, address) => {
  const own = `10.77.${wire}.1`;

  it("gets an address of there from the server's address there, and its next step at that address", async () => {
    const given = await lease(wire, mac);
    expect(given["ip"]).toMatch(address);
    expect(given).toMatchObject({
      serverid: own,
      siaddr: own,
      router: `10.77.${wire}.254`,
      boot_file: `http://${own}:8080/boot/ipxe/boot.ipxe`,
    });
  });

  it("fetches its loader by TFTP from there", async () => {
    expect(await curl(wire, `tftp://${own}/ipxe.efi`)).toBe(minimalLoader("ipxe.efi").toString());
  });

  it("is given scripts that name no other address", async () => {
    const base = `http://${own}:8080`;
    const menu = await curl(wire, `${base}/boot/ipxe/boot.ipxe`);
    expect(menu).toContain(`${base}/boot/nodes/`);
    const addresses = [...menu.matchAll(/10\.77\.\d+\.\d+/g)].map(([text]) => text);
    expect(new Set(addresses)).toEqual(new Set([own]));
    expect(await curl(wire, `${base}/boot/nodes/${mac}/boot.ipxe`)).toMatch(/^#!ipxe\n/);
    expect(JSON.parse(await curl(wire, `${base}/health`))).toMatchObject({ status: "healthy" });
  });
});

it("what people are shown of a node's scripts names the address of the node's own network", async () => {
  expect((await rackstrap("render", "node01", "menu")).stdout).toContain("http://10.77.1.1:8080/");
});

it("on an interface that is not served nothing answers", async () => {
  await expect(lease(2, "02:77:00:00:04:02")).rejects.toThrow();
  await lab.ip(`-n ${clientSpace(2)} addr add 10.77.2.9/24 dev eth0`);
  await expect(curl(2, "http://10.77.2.1:8080/health")).rejects.toThrow("Couldn't connect");
  await expect(curl(2, "tftp://10.77.2.1/ipxe.efi")).rejects.toThrow();
});

it("another DHCP server is named in the log, the timeline, the check and the figures", async () => {
  const token = readFileSync(join(lab.directory, "state/api-token"), "utf8").trim();
  const figures = async () =>
    (
      await lab.run(
        serverSpace,
        "curl",
        "-sS",
        ...["-H", `authorization: Bearer ${token}`, "http://127.0.0.1:8443/metrics"],
      )
    ).stdout;
  expect(await figures()).toContain("rackstrap_dhcp_foreign_servers 0\n");
  const rival = "10.77.1.9";
  const link = openLink(clientSpace(1), "eth0", () => undefined);
  link.send({
    ...{ etherSource: "02:77:00:00:04:09", etherDestination: "ff:ff:ff:ff:ff:ff" },
    ...{ source: rival, destination: "255.255.255.255", sourcePort: 67, port: 68 },
    payload: encodeMessage({ op: 2, yiaddr: "10.77.1.10" }, [
      [53, Buffer.of(2)],
      [54, addressBytes(rival)],
    ]),
  });
  link.close();
  await server.said((line) => line.includes('"event":"foreign-dhcp-server"'));

  const events = JSON.parse((await rackstrap("events", "--json")).stdout) as {
    events: { kind: string; detail: object }[];
  };
  const found = events.events.find(({ kind }) => kind === "foreign-dhcp-server");
  expect(found?.detail).toMatchObject({ address: rival, interface: "rsl-s1" });
  const check = await rackstrap("check", "--server", "--only", "network").catch(
    (error: { stdout: string }) => error,
  );
  expect(check.stdout).toMatch(
    /error {4}another DHCP server, 10\.77\.1\.9: answers on rsl-s1, last heard at .*\n +next: switch it off/,
  );
  const text = await figures();
  expect(text).toContain("rackstrap_dhcp_foreign_servers 1\n");
  expect(text).toContain('rackstrap_dhcp_events_total{kind="foreign-dhcp-server"} 1\n');
  expect(text).toContain('rackstrap_dhcp_pool_addresses{network="rack-b"} 50\n');
  expect(text).toContain('rackstrap_dhcp_pool_used{network="rack-b"} 1\n');
  expect(text).toContain('rackstrap_service_up{service="tftp"} 1\n');
});

it("an address that no interface has keeps the server from starting, by name", async () => {
  const site = inventory();
  const wrong = join(lab.directory, "wrong.json");
  const { stateDirectory: _state, interfaces: _interfaces, ...server } = site.server;
  const elsewhere = { address: "10.77.0.99", interface: "eth0", stateDirectory: `${wrong}.state` };
  writeFileSync(
    wrong,
    JSON.stringify({
      ...site,
      ...{ server: { ...server, ...elsewhere }, dhcp: { allowSecondServer: true }, nodes: {} },
    }),
  );
  // In a client's namespace, where nobody has the ports.
  const started = lab.run(clientSpace(0), process.execPath, main, "serve", "--inventory", wrong);
  await expect(started).rejects.toThrow("HTTP on 10.77.0.99 port 8080: EADDRNOTAVAIL");
});
