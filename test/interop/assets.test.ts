// The whole server over an asset directory that commands fill and faults damage while it runs: what machines are given over
// HTTP and TFTP and named in DHCP, and what check, /health, the figures and assets verify say.

import { chmodSync, copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { putImage } from "../fakes/images.ts";
import { type Lab, openLab, type Program } from "./dhcp-lab/lab.ts";

const space = "rsa-server";
const clientSpace = "rsa-client";
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let lab: Lab;
let server: Program;
let inventoryFile: string;
let assets: string;

beforeAll(async () => {
  lab = await openLab([space, clientSpace], { curl: "curl", udhcpc: "udhcpc" });
  await lab.ip(
    `-n ${space} link add rsa-s0 type veth peer name eth0 netns ${clientSpace}`,
    `-n ${space} addr add 10.78.0.1/24 dev rsa-s0`,
    `-n ${space} link set rsa-s0 up`,
    `-n ${clientSpace} link set eth0 up`,
  );
  assets = join(lab.directory, "assets");
  inventoryFile = join(lab.directory, "site.json");
  writeFileSync(inventoryFile, JSON.stringify(inventory()));
  await rackstrap("assets", "loaders");
  await importImage("one");
  putImage(join(assets, "nixos/by-hand"), "by hand");
  copyFileSync(join(assets, "snponly.efi"), join(assets, "own.efi"));
  server = lab.start(space, process.execPath, main, "serve", "--inventory", inventoryFile);
  await server.said("server started");
});

afterAll(async () => {
  await server?.stop();
  await lab?.close();
});

function inventory(): object {
  return {
    ...{ site: "example", domain: "example.com", cluster: { name: "prod-cluster" } },
    server: {
      ...{ address: "10.78.0.1", interface: "rsa-s0", assetDirectory: assets },
      stateDirectory: join(lab.directory, "state"),
    },
    networks: {
      provisioning: {
        ...{ cidr: "10.78.0.0/24", gateway: "10.78.0.254", dns: ["10.78.0.1"] },
        ...{ domain: "prov.example.com", mode: "authoritative" },
        pool: { start: "10.78.0.100", end: "10.78.0.199" },
      },
      production: { cidr: "10.0.200.0/24", gateway: "10.0.200.1", dns: ["10.0.200.1"] },
      management: { cidr: "10.0.10.0/24" },
    },
    install: { flake: "./flake" },
    profiles: { worker: { role: "worker" } },
    nodes: {
      node01: {
        ...{ mac: "02:78:00:00:00:01", profile: "worker", firmware: "uefi", disk: "/dev/sda" },
        ...{ provisioningAddress: "10.78.0.50", productionAddress: "10.0.200.10" },
        bmc: { address: "10.0.10.50", user: "admin", password: { file: inventoryFile } },
      },
    },
  };
}

interface Said {
  readonly code: number;
  readonly text: string;
}

/** Runs a command of the product, whatever it ends with. */
async function rackstrap(...argv: readonly string[]): Promise<Said> {
  const args = [process.execPath, main, ...argv, "--inventory", inventoryFile];
  return lab.run(space, ...args).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      text: error.stdout + error.stderr,
    }),
  );
}

/** Imports and activates an image; its id. */
async function importImage(mark: string): Promise<string> {
  const path = putImage(join(lab.directory, mark), mark);
  const { text } = await rackstrap(
    "assets",
    "import",
    path,
    "--profile",
    "worker",
    "--activate",
    "--json",
  );
  return JSON.parse(text).set.id;
}

const curl = async (...argv: readonly string[]) =>
  (await lab.run(space, "curl", "-sS", "--max-time", "5", ...argv)).stdout;
const statusOf = (path: string) =>
  curl("-o", "/dev/null", "-w", "%{http_code}", `http://10.78.0.1:8080${path}`);
const health = async () => JSON.parse(await curl("http://10.78.0.1:8080/health"));

async function damagedFigure(): Promise<number> {
  const token = readFileSync(join(lab.directory, "state/api-token"), "utf8").trim();
  const headers = ["-H", `authorization: Bearer ${token}`];
  const figures = await curl(...headers, "http://127.0.0.1:8443/metrics");
  return Number(/^rackstrap_assets_damaged (\d+)$/m.exec(figures)?.[1]);
}

const hasByTftp = (name: string) =>
  curl("-o", "/dev/null", `tftp://10.78.0.1/${name}`).then(
    () => true,
    (error: { code: number }) => {
      // curl(1): 68, file not found on TFTP server.
      if (error.code === 68) return false;
      throw error;
    },
  );

let machines = 0;

/** What DHCP names to a machine that it has not seen before, whose firmware is UEFI; undefined when nothing. */
async function namedByDhcp(): Promise<string | undefined> {
  machines += 1;
  const mac = `02:78:00:00:01:${machines.toString(16).padStart(2, "0")}`;
  await lab.ip(`-n ${clientSpace} link set eth0 address ${mac}`);
  const [script, env] = [join(lab.directory, "hook"), join(lab.directory, "hook.env")];
  writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] || exit 0\nenv >${env}\n`);
  chmodSync(script, 0o755);
  const argv = ["-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s", script];
  const firmware = ["-V", "PXEClient:Arch:00007", "-x", "0x5d:0007"];
  await lab.run(clientSpace, "udhcpc", ...argv, ...firmware);
  return /^boot_file=(.*)$/m.exec(readFileSync(env, "utf8"))?.[1];
}

/** The server has looked at its directory again after this. */
const check = () => rackstrap("check", "--server", "--only", "boot-server");

test("a set that is activated while the server runs is given, and the one before it still is", async () => {
  expect(await check()).toMatchObject({
    code: 0,
    text: expect.stringContaining("ok       boot assets: 2 image sets"),
  });
  const [one] = JSON.parse((await rackstrap("assets", "list", "--json")).text).sets;
  const two = await importImage("two");
  expect((await check()).code).toBe(0);
  expect((await rackstrap("render", "node01", "installer")).text).toContain(`bzImage?set=${two}`);
  for (const id of [one.id, two])
    expect(await statusOf(`/boot/nixos/worker/initrd?set=${id}`)).toBe("200");
  expect(await health()).toMatchObject({ status: "healthy" });
});

/** By which a machine comes to a file. */
interface Doors {
  readonly http: string;
  readonly tftp: string;
  readonly dhcp?: string;
}

interface Spoiled {
  readonly path: string;
  readonly undo: () => void;
}

function rewrite(path: string, change: (good: Buffer) => Buffer): Spoiled {
  const good = readFileSync(path);
  chmodSync(path, 0o644);
  writeFileSync(path, change(good));
  return { path, undo: () => writeFileSync(path, good) };
}

function remove(path: string): Spoiled {
  const kept = join(lab.directory, "kept");
  renameSync(path, kept);
  return { path, undo: () => renameSync(kept, path) };
}

const flipped = (good: Buffer) => {
  const bad = Buffer.from(good);
  bad.writeUInt8(bad.readUInt8(bad.length - 20) ^ 1, bad.length - 20);
  return bad;
};
const half = (good: Buffer) => good.subarray(0, good.length >> 1);

const ofStore = (file: string) => (id: string) => ({
  http: `/boot/nixos/worker/${file}?set=${id}`,
  tftp: `nixos/worker/${id}/${file}`,
});
const byHand = (_id: string, handVersion: string) => ({
  http: "/boot/nixos/by-hand/bzImage",
  tftp: `nixos/by-hand/${handVersion}/bzImage`,
});
const loader = (name: string, dhcp?: string) => () => ({
  ...{ http: `/boot/${name}`, tftp: name },
  ...(dhcp !== undefined && { dhcp }),
});
const stored = (id: string, file: string) => join(assets, "sets/worker", id, file);
const usual = loader("ipxe.efi", "ipxe.efi");

/** Each spoils something below the asset directory, given the id of the active set; what it gives back undoes it. */
const faults: readonly [
  name: string,
  spoil: (id: string) => Spoiled,
  doors: (id: string, handVersion: string) => Doors,
][] = [
  ["a damaged initrd", (id) => rewrite(stored(id, "initrd"), flipped), ofStore("initrd")],
  ["a damaged kernel", (id) => rewrite(stored(id, "bzImage"), flipped), ofStore("bzImage")],
  ["a half-copied set", (id) => rewrite(stored(id, "bzImage"), half), ofStore("initrd")],
  ["a set without its initrd", (id) => remove(stored(id, "initrd")), ofStore("bzImage")],
  ["a set without its description", (id) => remove(stored(id, "set.json")), ofStore("bzImage")],
  [
    "a half-copied folder filled by hand",
    () => remove(join(assets, "nixos/by-hand/initrd")),
    byHand,
  ],
  ["a damaged bootloader", () => rewrite(join(assets, "ipxe.efi"), flipped), usual],
  ["a bootloader cut short", () => rewrite(join(assets, "ipxe.efi"), half), usual],
  ["a missing bootloader", () => remove(join(assets, "ipxe.efi")), usual],
  [
    "another file in a bootloader's place",
    () => rewrite(join(assets, "snponly.efi"), () => readFileSync(join(assets, "undionly.kpxe"))),
    loader("snponly.efi"),
  ],
  [
    "a bootloader cut short that was copied by hand",
    () => rewrite(join(assets, "own.efi"), half),
    loader("own.efi"),
  ],
];

/** Which of the doors are open; DHCP's follows the others within a second. */
async function open({ http, tftp, dhcp }: Doors, expected: boolean) {
  if (dhcp !== undefined)
    await expect
      .poll(async () => (await namedByDhcp()) === dhcp, { timeout: 10_000, interval: 500 })
      .toBe(expected);
  return { http: (await statusOf(http)) === "200", tftp: await hasByTftp(tftp) };
}

test.each(faults)(
  "%s is found by check and by assets verify, by its name, told in /health and the figures, and given by no door",
  async (_, spoil, doorsOf) => {
    const list = JSON.parse((await rackstrap("assets", "list", "--json")).text);
    const { id } = list.sets.find(({ state }: { state: string }) => state === "active");
    const { sets } = JSON.parse((await rackstrap("assets", "verify", "--json")).text);
    const hand = sets.find(({ profile }: { profile: string }) => profile === "by-hand").version;
    const doors = doorsOf(id, hand);
    expect(await open(doors, true)).toEqual({ http: true, tftp: true });
    const { path, undo } = spoil(id);
    try {
      for (const said of [await check(), await rackstrap("assets", "verify")]) {
        expect(said.code).toBe(1);
        expect(said.text).toMatch(/failed|error {4}boot assets/);
        // A folder that lacks a file is named, and the file.
        for (const part of [dirname(path), basename(path)]) expect(said.text).toContain(part);
      }
      expect(await open(doors, false)).toEqual({ http: false, tftp: false });
      expect(await health()).toMatchObject({
        status: "degraded",
        reason: expect.stringContaining(basename(path)),
      });
      expect(await damagedFigure()).toBeGreaterThan(0);
    } finally {
      undo();
    }
    expect(await check()).toMatchObject({ code: 0 });
    expect(await health()).toMatchObject({ status: "healthy" });
    expect(await damagedFigure()).toBe(0);
    expect(await open(doors, true)).toEqual({ http: true, tftp: true });
  },
);
