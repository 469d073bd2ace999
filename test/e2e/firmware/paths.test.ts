// Each way that firmware boots from the network, from a powered-off machine with a blank disk to an active node. One name,
// one path: `npm run test:e2e -- uefi-http`.

import { expect, test } from "vitest";
import { walk } from "./path.ts";

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
