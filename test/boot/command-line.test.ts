// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings of iPXE, which it expands itself

import { describe, expect, it } from "vitest";
import { commandLine } from "../../src/boot/command-line.ts";

const none = {
  netbootIpxe: undefined,
  kernelParams: undefined,
  init: undefined,
  cmdline: undefined,
};
const init = "/nix/store/abc-nixos-system-installer-26.05/init";
const script = `#!ipxe
# Use the cmdline variable to allow the user to specify custom kernel params
kernel bzImage init=${init} initrd=initrd nohibernate loglevel=4 \${cmdline}
initrd initrd
boot
`;

describe("the kernel command line of an asset set", () => {
  it.each([
    ["netboot.ipxe", { netbootIpxe: script }, [`init=${init}`, "nohibernate", "loglevel=4"]],
    [
      "kernel-params and the init it belongs to",
      { kernelParams: "console=ttyS0,115200 loglevel=4\n", init: `${init}\n` },
      [`init=${init}`, "console=ttyS0,115200", "loglevel=4"],
    ],
    [
      "cmdline, with init= brought to the front",
      { cmdline: `quiet init=${init} initrd=initrd` },
      [`init=${init}`, "quiet"],
    ],
    [
      "netboot.ipxe before everything else",
      { netbootIpxe: script, cmdline: `init=${init} other`, init },
      [`init=${init}`, "nohibernate", "loglevel=4"],
    ],
    [
      "cmdline when kernel-params has no init",
      { kernelParams: "a", cmdline: `init=${init}` },
      [`init=${init}`],
    ],
  ])("comes from %s", (_, sources, expected) => {
    expect(commandLine({ ...none, ...sources })).toEqual({ arguments: expected });
  });

  it.each([
    ["nothing there", {}, "there is no netboot.ipxe"],
    ["no init", { cmdline: "quiet" }, "cmdline has no init="],
    ["an empty cmdline", { cmdline: "" }, "cmdline has no init="],
    ["a relative init", { cmdline: "init=init" }, "cmdline has no single init=/PATH"],
    ["two inits", { cmdline: "init=/a init=/b" }, "cmdline has no single init=/PATH"],
    [
      "a script and a link of different images",
      { netbootIpxe: script, init: "/nix/store/xyz-nixos-system/init" },
      `netboot.ipxe has the init ${init} and init has /nix/store/xyz-nixos-system/init: these are parts of two images`,
    ],
    [
      "a link and arguments of different images",
      { kernelParams: "quiet", init, cmdline: "init=/other quiet" },
      "parts of two images",
    ],
    ["no kernel line", { netbootIpxe: "#!ipxe\nboot\n" }, "netboot.ipxe has no kernel line"],
    ["an iPXE setting", { cmdline: "init=/a x=${net0/mac}" }, 'argument "x=${net0/mac}"'],
    ["a command", { cmdline: "init=/a ; shell" }, 'argument ";"'],
    ["a backtick", { cmdline: "init=/a `x`" }, 'argument "`x`"'],
  ])("is refused with %s", (_, sources, problem) => {
    expect(commandLine({ ...none, ...sources })).toEqual({
      problem: expect.stringContaining(problem),
    });
  });
});
