// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings of iPXE, which it expands itself

import { describe, expect, it } from "vitest";
import type { AssetSet } from "../../src/boot/assets.ts";
import { loadScripts } from "../../src/boot/script.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

const scripts = loadScripts(new URL("../../templates", import.meta.url).pathname);
const server = { address: "10.0.100.10" as Ipv4, baseUrl: "http://10.0.100.10:8080" };
const file = { path: "/x", sizeBytes: 1, identity: "1", sha256: "0".repeat(64) };
const set: AssetSet = {
  profile: "control-plane",
  kernelName: "bzImage",
  kernel: file,
  initrd: file,
  arguments: ["init=/nix/store/x/init", "loglevel=4"],
  version: "0123456789abcdef",
};
const node = {
  name: "node01",
  mac: "52:54:00:12:34:56",
  profile: "control-plane",
  kernelArguments: ["console=ttyS0,115200"],
  localBoot: "auto",
} as unknown as Node;
const nonce = "n0nce";

/** The commands of a script, without comments. */
function commands(script: string): string[] {
  return script.split("\n").filter((line) => line !== "" && !/^#(?!!)/.test(line));
}

const leave = [
  "iseq ${platform} efi && exit 1 ||",
  "ifclose ||",
  "sanboot --no-describe --drive 0x80 || exit 1",
];

describe("the boot scripts", () => {
  it("ask the server by the MAC of the interface that has the address", () => {
    const script = scripts.menu(server);
    expect(script.startsWith("#!ipxe\n")).toBe(true);
    expect(script).toContain(
      "chain --replace --autofree http://10.0.100.10:8080/boot/nodes/${netX/mac}/boot.ipxe || goto again",
    );
    expect(script).toContain("iseq ${attempt} 6 && goto give_up ||");
    expect(commands(script)).toEqual(expect.arrayContaining(leave));
    expect(script).not.toMatch(/\{\{|undefined/);
  });

  it("start the installer with the image's init, the node's arguments and its name", () => {
    const script = scripts.installer(server, node, set, nonce);
    const images = "http://10.0.100.10:8080/boot/nixos";
    const own = `http://10.0.100.10:8080/boot/nodes/${node.mac}`;
    expect(commands(script).filter((line) => /^(?:kernel|initrd|boot)\b/.test(line))).toEqual([
      `kernel --name kernel ${images}/control-plane/bzImage?set=0123456789abcdef init=/nix/store/x/init loglevel=4 console=ttyS0,115200 hostname=node01 initrd=initrd initrd=keys || goto again`,
      `initrd --name initrd ${images}/control-plane/initrd?set=0123456789abcdef || goto again`,
      `initrd --name keys ${own}/keys.cpio.gz?nonce=${nonce} || goto again`,
      "boot || goto again",
    ]);
    expect(commands(script).slice(-leave.length)).toEqual(leave);
  });

  it("boot the local disk and say why", () => {
    expect(
      commands(scripts.localDisk({ mac: node.mac, node }, "node node01 is active, not armed")),
    ).toEqual([
      "#!ipxe",
      "echo rackstrap: ${netX/mac} boots its own disk",
      "echo rackstrap: node node01 is active, not armed",
      ...leave,
    ]);
  });

  it.each([
    ["a quote' and \"another\\", "a quote and another"],
    ["two\nlines\r\nhere", "two lines here"],
    ["${net0/mac} `x` #!ipxe", "net0/mac x ipxe"],
    ["a ; shell && x || y", "a shell x y"],
    ["\x1b[31mred\u202e", "31mred"],
    ["x".repeat(300), "x".repeat(256)],
  ])("show the reason %j as plain text", (reason, shown) => {
    expect(commands(scripts.localDisk({ mac: undefined, node: undefined }, reason))[2]).toBe(
      `echo rackstrap: ${shown}`,
    );
  });

  it.each([
    "a\nshell",
    "a\rshell",
    "${net0/mac}",
    "#!ipxe",
    "`x`",
    "a;shell",
    "a || shell",
    "a && x",
  ])("refuse the kernel argument %j and name the value", (argument) => {
    const bad = { ...set, arguments: ["init=/x", argument] };
    expect(() => scripts.installer(server, node, bad, nonce)).toThrow(
      /^installer\.ipxe\.hbs: kernelArguments must not hold /,
    );
  });

  it("refuse a server address that could be a command", () => {
    const bad = { ...server, baseUrl: "http://x/\nshell" };
    expect(() => scripts.menu(bad)).toThrow(/^boot\.ipxe\.hbs: nodesUrl must not hold /);
  });

  it("cannot be loaded from a directory without templates", () => {
    expect(() => loadScripts("/nowhere")).toThrow("leave.ipxe.hbs");
  });
});

it("an iPXE that came over TFTP is sent to the first script", () => {
  const script = scripts.autoexec(server);
  expect(commands(script).slice(0, 3)).toEqual([
    "#!ipxe",
    "isset ${netX/ip} || dhcp || goto leave",
    "chain --replace --autofree http://10.0.100.10:8080/boot/ipxe/boot.ipxe || goto leave",
  ]);
  expect(commands(script).slice(-leave.length)).toEqual(leave);
});
