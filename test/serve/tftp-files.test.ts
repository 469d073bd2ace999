import { expect, test } from "vitest";
import { AssetChangedError } from "../../src/boot/asset-file.ts";
import { DamagedImageError } from "../../src/boot/image-cache.ts";
import { keysName } from "../../src/boot/virtual-files.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import {
  mac,
  node,
  nonce,
  old,
  set,
  type TftpSituation,
  testTftpFiles,
} from "../fakes/tftp-files.ts";

const mine = node.provisioningAddress;
const other = "10.0.100.77" as Ipv4;
const initrdName = `nixos/${set.profile}/${set.version}/initrd`;
const dashed = mac.replaceAll(":", "-");

function files(situation: TftpSituation = {}) {
  const { get, ...seen } = testTftpFiles(situation);
  const held = async (name: string, client: Ipv4) => {
    const given = await get(name, client);
    if (given === "full") throw new Error("full");
    return given;
  };
  const text = async (name: string, client = mine) =>
    (await held(name, client))?.data.toString("latin1");
  return { text, get, ...seen };
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

test("what a node was given last is kept, without the nonce, and what a stranger got is not", async () => {
  const { text, served } = files({ armed: true });
  const config = (await text("grub/grub.cfg")) ?? "";
  expect(config).toContain(nonce);
  expect(served).toEqual([`${node.name} grub: ${config.replaceAll(nonce, "NONCE")}`]);
  await text(`grub/grub.cfg-01-${dashed}`, other);
  await text("grub/grub.cfg-01-52-54-00-99-00-01");
  expect(served).toHaveLength(1);
  await text("pxelinux.cfg/default");
  expect(served[1]).toMatch(/^\S+ pxelinux: DEFAULT installer\n/);
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

test("where another server gives the addresses, GRUB is sent to the name with its MAC", async () => {
  const { text } = files({ armed: true, proxy: true });
  expect(await text("grub/grub.cfg", other)).toContain(
    "configfile /grub/grub.cfg-01-$net_default_mac\n",
  );
  expect(await text("pxelinux.cfg/default", other)).toContain("LOCALBOOT 0");
});

test.each([false, true])(
  "an armed node's name from an address that is not known as its own starts no installer (proxyDHCP: %s)",
  async (proxy) => {
    const { text, events } = files({ armed: true, proxy });
    for (const name of [`grub/grub.cfg-01-${dashed}`, `grub/grub.cfg-01-${mac}`])
      expect(await text(name, other)).not.toContain("linux ");
    expect(events).toMatchObject([
      { kind: "boot-refused", mac, client: other, asked: "configuration" },
      { kind: "boot-refused", mac, client: other, asked: "configuration" },
    ]);
  },
);

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
  expect(await files().text("autoexec.ipxe")).toContain(
    "chain --replace --autofree http://10.0.100.10:8080/boot/ipxe/boot.ipxe ",
  );
});

test("an installer's keys are for its own address and the nonce of its install, while that is armed", async () => {
  const name = keysName(mac, nonce);
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

test("an installer's keys are not given over TFTP either once it was found", async () => {
  const name = keysName(mac, nonce);
  const { text, events } = files({ armed: true, found: true });
  expect(await text(name)).toBeUndefined();
  expect(events).toMatchObject([{ kind: "keys-refused", mac, client: mine, times: 1 }]);
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

test("an image that there is no room for is refused for now, and the log says so once a minute", async () => {
  const { get, logs } = files({ full: true });
  for (const _ of "three") expect(await get(initrdName, mine)).toBe("full");
  expect(logs).toEqual([expect.stringContaining("initrd has no room in memory")]);
});

test("a template that fails is logged once, however often anyone asks", async () => {
  const { text, logs } = files({ broken: true });
  for (const name of ["autoexec.ipxe", "grub/grub.cfg", `grub/grub.cfg-01-${dashed}`])
    for (const client of [mine, other, mine, other]) await text(name, client);
  expect(logs).toEqual([
    expect.stringContaining("autoexec.ipxe can't be made"),
    expect.stringContaining("a machine was not given its script"),
  ]);
});
