// Each way that firmware boots from the network, from a powered-off machine with a blank disk to an active node. One name,
// one path: `npm run test:e2e -- uefi-http`.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { InventoryFile } from "../../../vm-harness/rack-inventory.ts";
import { walk } from "./path.ts";

const chaining = (inventory: InventoryFile): InventoryFile => ({
  ...inventory,
  boot: { ...inventory.boot, chainLoader: true },
});

function node01Of({ nodes }: InventoryFile): InventoryFile["nodes"][string] {
  const { node01 } = nodes;
  if (node01 === undefined) throw new Error("the rack has no node01");
  return node01;
}

test("uefi-http: UEFI HTTP boot installs a node without TFTP", () =>
  walk(
    { nodes: [{ name: "node01", firmware: "uefi", networkBoot: "http" }] },
    async ({ tftp, http, bootFiles }) => {
      expect(tftp()).toEqual([]);
      expect(bootFiles()[0]).toBe("http://10.0.100.10:8080/boot/ipxe.efi");
      expect(http()).toContain("/boot/nixos/control-plane/initrd");
    },
  ));

test("secure-boot: with Secure Boot on, shim, signed GRUB and a signed kernel install a node", () =>
  walk(
    { nodes: [{ name: "node01", firmware: "uefi", secureBoot: true }] },
    async ({ tftp, bootFiles, console, ssh }) => {
      expect(bootFiles()[0]).toBe("shimx64.efi");
      const complete = tftp().flatMap(({ file, outcome }) => (outcome === "completed" ? file : []));
      expect(complete).toEqual(expect.arrayContaining(["grubx64.efi", "grub/grub.cfg"]));
      expect(complete.some((file) => /^nixos\/control-plane\/\w+\/initrd$/.test(file))).toBe(true);
      expect(console("node01")).toContain("boots its own disk");
      expect(await ssh("node01", "dmesg")).toMatch(/[Ss]ecure boot enabled/);
    },
  ));

test("bios-chain: the iPXE in a network card loads the site's undionly.kpxe once, which installs a node", () =>
  walk(
    { nodes: [{ name: "node01", firmware: "bios" }], inventory: chaining },
    async ({ tftp, bootFiles, console }) => {
      const loaders = tftp().filter(({ file }) => file === "undionly.kpxe");
      expect(loaders.length).toBe(2); // for the installer and for the disk
      const script = "http://10.0.100.10:8080/boot/ipxe/boot.ipxe";
      expect(bootFiles().filter((file) => file !== "ipxe.efi")).toEqual([
        ...["undionly.kpxe", script],
        ...["undionly.kpxe", script],
      ]);
      expect(console("node01")).toContain("boots its own disk");
    },
  ));

test("uefi-chain: under UEFI, the iPXE in a network card loads the site's own once, which installs a node", () =>
  walk(
    { nodes: [{ name: "node01", firmware: "uefi", networkRom: true }], inventory: chaining },
    async ({ tftp, console }) => {
      // OVMF has the ROM's iPXE as a boot option of its own behind the disk, so it is not asked again.
      expect(tftp()).toEqual([{ file: "ipxe.efi", outcome: "completed" }]);
      expect(console("node01")).toMatch(
        /Filename: ipxe\.efi[\s\S]*Filename: http:[\s\S]*starts the installer/,
      );
    },
  ));

test("pxelinux: a BIOS machine with pxelinux as its loader becomes a node", () =>
  walk(
    {
      nodes: [{ name: "node01", firmware: "bios" }],
      inventory: (inventory) => ({
        ...chaining(inventory),
        nodes: { node01: { ...node01Of(inventory), loader: "pxelinux.0" } },
      }),
    },
    async ({ tftp, http, console }) => {
      expect(tftp()).toContainEqual({
        file: "pxelinux.cfg/01-52-54-00-12-34-56",
        outcome: "completed",
      });
      expect(http()).toEqual([]);
      expect(console("node01")).toContain("boots its own disk");
    },
  ));

test("relay: behind a router with a DHCP relay, a UEFI machine becomes a node", () =>
  walk(
    { nodes: [{ name: "node01", firmware: "uefi" }], network: "relayed" },
    async ({ bootFiles, tftp }) => {
      expect(bootFiles()[0]).toBe("ipxe.efi");
      expect(bootFiles()).toContain("http://10.0.99.10:8080/boot/ipxe/boot.ipxe");
      expect(tftp()).toContainEqual({ file: "ipxe.efi", outcome: "completed" });
    },
  ));

test.each(["bios", "uefi"] as const)(
  "proxy-%s: beside a DHCP server that gives the addresses, a machine becomes a node",
  (firmware) =>
    walk(
      { nodes: [{ name: "node01", firmware }], network: "foreign-dhcp" },
      async ({ rack, bootFiles, tftp }) => {
        expect(bootFiles()).toContain("http://10.0.100.10:8080/boot/ipxe/boot.ipxe");
        const loaders = tftp().filter(({ outcome }) => outcome === "completed");
        expect(loaders.length > 0).toBe(firmware === "uefi");
        const leases = readFileSync(join(rack.directory, "leases"), "utf8");
        expect(leases).toContain("52:54:00:12:34:56 10.0.100.50 ");
      },
    ),
);

test("arm64: an aarch64 machine starts signed GRUB and reaches the installer's SSH", () =>
  walk(
    {
      nodes: [{ name: "node01", firmware: "uefi", architecture: "aarch64" }],
      until: "installing",
    },
    async ({ bootFiles, tftp, ssh }) => {
      expect(bootFiles()[0]).toBe("grubaa64.efi");
      expect(tftp()).toContainEqual({ file: "grub/grub.cfg", outcome: "completed" });
      expect((await ssh("node01", "uname -m")).trim()).toBe("aarch64");
    },
  ));

test("arm64-secure-boot: with Secure Boot on, an aarch64 machine reaches the installer's SSH through shim", () =>
  walk(
    {
      nodes: [{ name: "node01", firmware: "uefi", architecture: "aarch64", secureBoot: true }],
      until: "installing",
    },
    async ({ bootFiles, tftp, console, ssh }) => {
      expect(bootFiles()[0]).toBe("shimaa64.efi");
      expect(tftp()).toContainEqual({ file: "grubaa64.efi", outcome: "completed" });
      expect(console("node01")).toContain("UEFI Secure Boot is enabled");
      expect((await ssh("node01", "uname -m")).trim()).toBe("aarch64");
    },
  ));
