// The whole server over an asset directory that commands fill and faults damage while it runs: what machines are given,
// and what check, /health, the figures and assets verify say.

import { chmodSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { putImage } from "../fakes/images.ts";
import { type Lab, openLab, type Program } from "./dhcp-lab/lab.ts";

const space = "rsa-server";
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let lab: Lab;
let server: Program;
let inventoryFile: string;
let assets: string;

beforeAll(async () => {
  lab = await openLab([space], { curl: "curl" });
  await lab.ip(
    `-n ${space} link add rsa-s0 type veth peer name rsa-s1`,
    `-n ${space} addr add 10.78.0.1/24 dev rsa-s0`,
    `-n ${space} link set rsa-s0 up`,
    `-n ${space} link set rsa-s1 up`,
  );
  assets = join(lab.directory, "assets");
  inventoryFile = join(lab.directory, "site.json");
  writeFileSync(inventoryFile, JSON.stringify(inventory()));
  await rackstrap("assets", "loaders");
  await importImage("one");
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

const statusOf = async (path: string) =>
  (
    await lab.run(
      space,
      "curl",
      "-s",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      `http://10.78.0.1:8080${path}`,
    )
  ).stdout;
const health = async () =>
  JSON.parse((await lab.run(space, "curl", "-s", "http://10.78.0.1:8080/health")).stdout);

/** The server has looked at its directory again after this. */
const check = () => rackstrap("check", "--server");

test("a set that is activated while the server runs is given, and the one before it still is", async () => {
  expect(await check()).toMatchObject({
    code: 0,
    text: expect.stringContaining("ok      boot assets: 1 image sets"),
  });
  const [one] = JSON.parse((await rackstrap("assets", "list", "--json")).text).sets;
  const two = await importImage("two");
  expect((await check()).code).toBe(0);
  expect((await rackstrap("render", "node01", "installer")).text).toContain(`bzImage?set=${two}`);
  for (const id of [one.id, two])
    expect(await statusOf(`/boot/nixos/worker/initrd?set=${id}`)).toBe("200");
  expect(await health()).toMatchObject({ status: "healthy" });
});

/** Each spoils something below the asset directory; what it gives back undoes it. */
const faults: readonly [
  name: string,
  spoil: (set: string) => { readonly path: string; readonly undo: () => void },
  refused: (set: string) => string,
][] = [
  [
    "a damaged initrd",
    (set) => {
      const path = join(set, "initrd");
      const good = readFileSync(path);
      const bad = Buffer.from(good);
      bad.writeUInt8(bad.readUInt8(bad.length - 20) ^ 1, bad.length - 20);
      chmodSync(path, 0o644);
      writeFileSync(path, bad);
      return { path, undo: () => writeFileSync(path, good) };
    },
    (id) => `/boot/nixos/worker/initrd?set=${id}`,
  ],
  [
    "a half-copied set",
    (set) => {
      const path = join(set, "bzImage");
      const good = readFileSync(path);
      chmodSync(path, 0o644);
      writeFileSync(path, good.subarray(0, good.length >> 1));
      return { path, undo: () => writeFileSync(path, good) };
    },
    (id) => `/boot/nixos/worker/initrd?set=${id}`,
  ],
  [
    "a damaged bootloader",
    () => {
      const path = join(assets, "snponly.efi");
      const good = join(assets, "kept");
      renameSync(path, good);
      copyFileSync(join(assets, "undionly.kpxe"), path);
      return { path, undo: () => renameSync(good, path) };
    },
    () => "/boot/snponly.efi",
  ],
  [
    "a missing bootloader",
    () => {
      const path = join(assets, "ipxe.efi");
      const good = readFileSync(path);
      rmSync(path);
      return { path, undo: () => writeFileSync(path, good) };
    },
    () => "/boot/ipxe.efi",
  ],
];

test.each(faults)(
  "%s is found by check and by assets verify, by its name, and not served",
  async (name, spoil, refused) => {
    const list = JSON.parse((await rackstrap("assets", "list", "--json")).text);
    const active = list.sets.find(({ state }: { state: string }) => state === "active").id;
    const { path, undo } = spoil(join(assets, "sets/worker", active));
    try {
      for (const said of [await check(), await rackstrap("assets", "verify")]) {
        expect(said.code).toBe(1);
        expect(said.text).toMatch(/failed/);
        expect(said.text).toContain(path);
      }
      expect(await statusOf(refused(active))).toBe("404");
      // What is missing is a matter of the check; /health is about what is there and damaged.
      if (!name.includes("missing"))
        expect(await health()).toMatchObject({
          status: "degraded",
          reason: expect.stringContaining(path),
        });
    } finally {
      undo();
    }
    expect(await check()).toMatchObject({ code: 0 });
    expect(await health()).toMatchObject({ status: "healthy" });
  },
);
