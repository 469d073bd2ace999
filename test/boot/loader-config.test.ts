// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings of iPXE and GRUB, which expand them

import { describe, expect, it } from "vitest";
import type { AssetSet } from "../../src/boot/assets.ts";
import { loadLoaderConfigs } from "../../src/boot/loader-config.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";

const configs = loadLoaderConfigs(new URL("../../templates", import.meta.url).pathname);
const file = { path: "/x", sizeBytes: 1, identity: "1", sha256: "0".repeat(64) };
const set: AssetSet = {
  ...{ profile: "worker", version: "0123456789abcdef", kernelName: "bzImage" },
  ...{ kernel: file, initrd: file, arguments: ["init=/nix/store/x/init", "loglevel=4"] },
};
const mac = "52:54:00:12:34:56" as Mac;
const node = { name: "node01", mac, kernelArguments: ["console=ttyS0,115200"] } as unknown as Node;
const nonce = "N0nce_-";
const server = { address: "10.0.100.10" as Ipv4, baseUrl: "http://10.0.100.10:8080" };
const machine = { mac, node };

const images = "nixos/worker/0123456789abcdef";
const keys = "nodes/52-54-00-12-34-56/N0nce_-/keys.cpio.gz";

describe("GRUB's configuration", () => {
  it("starts the installer with the images of one version, asks again, then goes on to the disk", () => {
    const lines = configs.grub.installer(server, node, set, nonce).split("\n");
    expect(lines).toContain(
      `if linux '/${images}/bzImage' 'init=/nix/store/x/init' 'loglevel=4' 'console=ttyS0,115200' 'hostname=node01'; then`,
    );
    expect(lines).toContain(`  if initrd '/${images}/initrd' '/${keys}'; then boot; fi`);
    expect(lines).toContain('if [ "$tries" != xxxxx ]; then');
    expect(lines.indexOf("  configfile /grub/grub.cfg")).toBeLessThan(lines.indexOf("exit"));
  });

  it("boots the disk and says why, without a word of an installer", () => {
    const text = configs.grub.localDisk(machine, "node node01 is active, not armed");
    expect(text).toContain("echo 'rackstrap: node node01 is active, not armed'\n");
    expect(text).toContain("chainloader $disk_loader");
    expect(text).not.toMatch(/linux|initrd|\{\{|undefined/);
  });

  it("has as many ends as beginnings", () => {
    for (const text of [
      configs.grub.installer(server, node, set, nonce),
      configs.grub.localDisk(machine, "x"),
    ]) {
      const count = (word: RegExp) => text.match(word)?.length ?? 0;
      expect(count(/\bif\b/g)).toBe(count(/\bfi\b/g));
      expect(count(/'/g) % 2).toBe(0);
    }
  });
});

describe("pxelinux's configuration", () => {
  it("starts the installer", () => {
    expect(configs.pxelinux.installer(server, node, set, nonce)).toContain(
      [
        `  KERNEL /${images}/bzImage`,
        `  INITRD /${images}/initrd,/${keys}`,
        "  APPEND init=/nix/store/x/init loglevel=4 console=ttyS0,115200 hostname=node01",
      ].join("\n"),
    );
  });

  it("boots the disk and says why", () => {
    const text = configs.pxelinux.localDisk(
      { mac: undefined, node: undefined },
      "this\nand \x1b[31m`that`",
    );
    expect(text).toContain("SAY rackstrap: this and 31m that\n");
    expect(text).toContain("  LOCALBOOT 0\n");
  });
});

const reporting =
  "rackstrap.report=http://10.0.100.10:8080/boot/discovery/report rackstrap.mac=52:54:00:12:34:56";

describe("the discovery image", () => {
  it("is started by GRUB with its report's address, each word in quotes", () => {
    const text = configs.grub.discovery(server, mac, set);
    const quoted = reporting.split(" ").map((word) => `'${word}'`);
    expect(text).toContain(
      `if linux '/${images}/bzImage' 'init=/nix/store/x/init' 'loglevel=4' ${quoted.join(" ")}; then`,
    );
    expect(text).toContain(`  if initrd '/${images}/initrd'; then boot; fi`);
    expect(text).not.toMatch(/keys|nonce|\{\{|undefined/);
  });

  it("is started by pxelinux", () => {
    expect(configs.pxelinux.discovery(server, mac, set)).toContain(
      [
        `  KERNEL /${images}/bzImage`,
        `  INITRD /${images}/initrd`,
        `  APPEND init=/nix/store/x/init loglevel=4 ${reporting}`,
      ].join("\n"),
    );
  });
});

it.each(["a b", "a'b", "a\nreboot", "a;reboot", "$root", "a|b", "a&b", 'a"b', "a\\b", "{a}"])(
  "no loader is given the kernel argument %j",
  (argument) => {
    const bad = { ...set, arguments: ["init=/x", argument] };
    for (const kind of ["grub", "pxelinux"] as const)
      expect(() => configs[kind].installer(server, node, bad, nonce)).toThrow(
        /^installer\.(?:grub|pxelinux)\.cfg\.hbs: kernelArguments must not hold .*: "a?/,
      );
  },
);

it.each(["a'b", "a\nreboot", "a;reboot", "$x"])(
  "a profile %j never becomes a command",
  (profile) => {
    expect(() => configs.grub.installer(server, node, { ...set, profile }, nonce)).toThrow(
      /^installer\.grub\.cfg\.hbs: profile must not hold /,
    );
  },
);

it("configurations cannot be loaded from a directory without templates", () => {
  expect(() => loadLoaderConfigs("/nowhere")).toThrow("/nowhere");
});
