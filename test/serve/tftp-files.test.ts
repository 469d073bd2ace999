import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { Standing } from "../../src/boot/access.ts";
import { AssetChangedError, type AssetFile } from "../../src/boot/asset-file.ts";
import type { AssetManifest, AssetSet } from "../../src/boot/assets.ts";
import type { Subject } from "../../src/boot/decide.ts";
import { DamagedImageError } from "../../src/boot/image-cache.ts";
import { loadLoaderConfigs } from "../../src/boot/loader-config.ts";
import { installNonce } from "../../src/boot/nonce.ts";
import { keysName } from "../../src/boot/virtual-files.ts";
import type { BootPlaneEvent } from "../../src/bootplane/deps.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createTftpFiles } from "../../src/serve/tftp-files.ts";
import { exampleInventory } from "../fakes/rack.ts";

const [node] = exampleInventory().nodes;
if (node === undefined) throw new Error("the example site has a node");
const mine = node.provisioningAddress;
const other = "10.0.100.77" as Ipv4;
const mac = node.mac;
const dashed = mac.replaceAll(":", "-");

const image = (path: string): AssetFile => ({ path, sizeBytes: 1, identity: path, sha256: path });
const set: AssetSet = {
  ...{ profile: node.profile, version: "0123456789abcdef", arguments: ["init=/x"] },
  ...{ kernelName: "bzImage", kernel: image("kernel"), initrd: image("initrd") },
};
const old: AssetSet = { ...set, version: "00000000000000aa", kernel: image("old kernel") };
const loader = { data: Buffer.from("loader"), identity: "1", sha256: "1" };
const nonceKey = "the server's own secret";
const intentId = randomUUID();

interface Place {
  readonly armed?: boolean;
  readonly proxy?: boolean;
  readonly sets?: readonly AssetSet[];
  /** What becomes of an image when it is read. */
  readonly unreadable?: Error;
}

function files({ armed = false, proxy = false, sets = [set], unreadable }: Place = {}) {
  const manifest: AssetManifest = {
    ...{ root: "/assets", problems: [], loaders: new Map([["ipxe.efi", loader]]) },
    sets: new Map(sets.map((each) => [each.profile, each])),
    versions: new Map([...sets, old].map((each) => [`${each.profile}/${each.version}`, each])),
    damaged: [],
  };
  const subject = (asked: Mac): Subject => {
    if (asked !== mac || node === undefined)
      return { mac: asked, node: undefined, record: undefined, intent: undefined };
    const state = armed ? "armed" : "active";
    const intent = {
      ...{ id: intentId, node: node.name, mac, disk: node.disk, operation: "op" },
      ...{ armedAtMs: 0, expiresAtMs: 10, consumedAtMs: undefined },
    };
    return { mac, node, record: { name: node.name, state, sinceMs: 0 }, intent };
  };
  const events: BootPlaneEvent[] = [];
  const done: string[] = [];
  const find = (address: string) => (address === mine ? mac : undefined);
  const own: Standing = { kind: "given", to: mac };
  const strange: Standing = proxy ? { kind: "foreign", first: undefined } : { kind: "not-given" };
  const get = createTftpFiles({
    assets: {
      current: () => manifest,
      recent: async () => manifest,
      loader: async (name) => manifest.loaders.get(name),
      plainFile: async () => undefined,
      reload: async () => {
        done.push("reload");
        return manifest;
      },
      reportDamage: async ({ path }) => void done.push(`damage of ${path}`),
    },
    images: {
      hold: async ({ path }) => {
        if (unreadable !== undefined) throw unreadable;
        return { data: Buffer.from(path), release: () => undefined };
      },
    },
    configs: loadLoaderConfigs("templates"),
    holders: { find },
    addresses: {
      standing: (address) => (find(address) === undefined ? strange : own),
      bind: () => undefined,
    },
    nonceKey,
    installerHostKey: async () => undefined,
    subject,
    menuUrl: "http://10.0.100.10:8080/boot/ipxe/boot.ipxe",
    authorizedKeys: () => `ssh-ed25519 ${"A".repeat(68)} test`,
    onEvent: (event) => events.push(event),
    now: () => 5,
    logger: pino({ level: "silent" }),
  });
  const text = async (name: string, client = mine) =>
    (await get(name, client))?.data.toString("latin1");
  return { text, events, done };
}

test("an armed node's GRUB is told to start the installer, and its timeline says so", async () => {
  const { text, events } = files({ armed: true });
  expect(await text("grub/grub.cfg")).toContain(`linux '/nixos/${set.profile}/${set.version}/`);
  expect(events).toEqual([
    {
      ...{ kind: "boot-script-served", mac, client: mine, plan: "installer" },
      reason: expect.stringContaining("is armed"),
    },
  ]);
});

test.each(["grub/grub.cfg", `grub/grub.cfg-01-${dashed}`, `pxelinux.cfg/01-${dashed}`])(
  "a node that is not armed boots its own disk by %s",
  async (name) => {
    const { text, events } = files();
    const config = await text(name);
    expect(config).toContain(`rackstrap: ${mac} boots its own disk`);
    expect(config).not.toContain("nixos/");
    expect(events).toMatchObject([{ mac, plan: "local-disk" }]);
  },
);

test("a machine never gets the configuration of another", async () => {
  const { text, events } = files({ armed: true });
  for (const name of ["grub/grub.cfg-01-52-54-00-99-00-01", "pxelinux.cfg/01-52-54-00-99-00-01"]) {
    const config = await text(name);
    expect(config).toContain("it asked for the configuration of 52:54:00:99:00:01");
    expect(config).not.toContain("nixos/");
  }
  expect(events).toMatchObject([
    { mac, plan: "local-disk" },
    { mac, plan: "local-disk" },
  ]);
});

test("where another server gives the addresses, the name says which machine asks", async () => {
  const { text } = files({ armed: true, proxy: true });
  expect(await text(`grub/grub.cfg-01-${dashed}`, other)).toContain("linux ");
  expect(await text(`grub/grub.cfg-01-${mac}`, other)).toContain("linux ");
  expect(await text("grub/grub.cfg", other)).toContain(
    "configfile /grub/grub.cfg-01-$net_default_mac\n",
  );
  expect(await text("pxelinux.cfg/default", other)).toContain("LOCALBOOT 0");
});

test("a machine in no inventory boots its own disk", async () => {
  const { text, events } = files({ armed: true });
  expect(await text("grub/grub.cfg-01-52-54-00-99-00-01", other)).not.toContain("linux ");
  expect(events).toMatchObject([{ reason: expect.stringContaining("is in no inventory") }]);
});

test("an armed node whose profile has no images boots its own disk, with the reason", async () => {
  const { text, events } = files({ armed: true, sets: [] });
  expect(await text("grub/grub.cfg")).toContain("has no usable asset set: see rackstrap check");
  expect(events).toMatchObject([{ plan: "local-disk" }]);
});

test.each<[string, string | undefined]>([
  [`nixos/${set.profile}/${set.version}/bzImage`, "kernel"],
  [`nixos/${set.profile}/${set.version}/initrd`, "initrd"],
  [`nixos/${set.profile}/${set.version}/Image`, undefined],
  [`nixos/${set.profile}/0000000000000000/initrd`, undefined],
  [`nixos/${set.profile}/${old.version}/bzImage`, "old kernel"],
  [`nixos/other/${set.version}/initrd`, undefined],
  ["ipxe.efi", "loader"],
  ["nothing.efi", undefined],
])("%s is %s", async (name, content) => {
  expect(await files().text(name)).toBe(content);
});

test("iPXE's script is there by name", async () => {
  expect(await files().text("autoexec.ipxe")).toMatch(/^#!ipxe\n/);
});

test("an installer's keys are for its own address and the nonce of its install, while that is armed", async () => {
  const name = keysName(mac, installNonce(nonceKey, intentId));
  const { text, events } = files({ armed: true });
  expect((await text(name))?.startsWith("\x1f\x8b")).toBe(true);
  expect(await text(name, other)).toBeUndefined();
  expect(await text(keysName(mac, "another"))).toBeUndefined();
  expect(await files().text(name)).toBeUndefined();
  expect(events).toMatchObject([
    { kind: "keys-served", mac, client: mine },
    { kind: "boot-refused", client: other, asked: "keys.cpio.gz" },
    { kind: "boot-refused", client: mine, reason: expect.stringContaining("nonce") },
  ]);
});

test("an armed node's name from an address that was given to nobody starts no installer", async () => {
  const { text, events } = files({ armed: true });
  expect(await text(`grub/grub.cfg-01-${dashed}`, other)).not.toContain("linux ");
  expect(events).toMatchObject([
    { kind: "boot-refused", mac, client: other, asked: "configuration" },
  ]);
});

test.each([
  [new DamagedImageError("initrd is damaged"), ["damage of initrd"], ["image-refused"]],
  [new AssetChangedError("initrd changed"), ["reload"], []],
])("an image that is not as published is not given, and %s is taken care of", async (...row) => {
  const [unreadable, wanted, told] = row;
  const { text, events, done } = files({ unreadable });
  expect(await text(`nixos/${set.profile}/${set.version}/initrd`)).toBeUndefined();
  expect(done).toEqual(wanted);
  expect(events.map(({ kind }) => kind)).toEqual(told);
});
