import { describe, expect, it } from "vitest";
import { createNetbootPolicy } from "../../src/boot/netboot-policy.ts";
import type { DhcpPolicy } from "../../src/dhcp/policy.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { clientOf, type FirmwareFields } from "./firmware-client.ts";

const server = "10.1.0.10" as Ipv4;
const script = "http://10.1.0.10:8080/boot/ipxe/boot.ipxe";
const node01 = "52:54:00:12:34:56" as Mac;
const usual = ["undionly.kpxe", "ipxe.efi"];
const second = 1000;
const minute = 60 * second;

interface Site {
  readonly policy: DhcpPolicy;
  nowMs: number;
  boot(client: FirmwareFields): unknown;
}

function site(
  loaders: readonly string[] = usual,
  changes: Pick<Node, "loader" | "secureBoot"> & Inventory["boot"] = {},
  ofNode: Pick<Node, "chainLoader"> = {},
  refused: readonly (readonly [name: string, why: string])[] = [],
): Site {
  const { loader, secureBoot, ...boot } = changes;
  const example = exampleInventory();
  const nodes = example.nodes.map(
    (node): Node => (node.mac === node01 ? { ...node, loader, secureBoot, ...ofNode } : node),
  );
  const inventory: Inventory = {
    ...example,
    boot,
    nodes,
  };
  const policy = createNetbootPolicy({
    inventory: () => inventory,
    httpPort: 8080,
    loaders: new Set(loaders),
    refusedLoaders: new Map(refused),
    now: () => made.nowMs,
  });
  const made: Site = {
    policy,
    nowMs: 0,
    boot: (client) => policy.bootFile(clientOf(client), server),
  };
  return made;
}

const retired = "52:54:00:12:34:aa" as Mac;

it("a retired machine is refused with what it was, a declared one and a stranger are not", () => {
  const inventory = { ...exampleInventory(), retired: { [retired]: "node09, 2026-11-02" } };
  const policy = createNetbootPolicy({
    inventory: () => inventory,
    ...{ httpPort: 8080, loaders: new Set<string>(), refusedLoaders: new Map() },
    now: () => 0,
  });
  expect(policy.refusal(retired)).toBe(`${retired} is retired: node09, 2026-11-02`);
  expect(policy.refusal(node01)).toBeUndefined();
  expect(policy.refusal("52:54:00:12:34:ab" as Mac)).toBeUndefined();
});

const fallback = {
  file: "ipxe.efi",
  remark: "the fallback loader: it names no registered architecture",
};

const pxe = (arch: number): FirmwareFields => ({ arch: [arch], vendorClass: "PXEClient" });
const http = (arch: number): FirmwareFields => ({ arch: [arch], vendorClass: "HTTPClient" });

describe("the boot file", () => {
  it.each<[string, FirmwareFields, string]>([
    ["iPXE", { userClass: "iPXE" }, script],
    ["iPXE in a list of classes", { userClass: "\x04iPXE" }, script],
    ["iPXE by its option 175 alone", { ipxe: "130101180101" }, script],
    ["something named notiPXE on a BIOS", { ...pxe(0), userClass: "notiPXE" }, "undionly.kpxe"],
    ["gPXE on a BIOS", { ...pxe(0), userClass: "gPXE", ipxe: "130101" }, "undionly.kpxe"],
    ["BIOS (00:00)", pxe(0), "undionly.kpxe"],
    ["UEFI (00:07)", pxe(7), "ipxe.efi"],
    ["UEFI (00:09)", pxe(9), "ipxe.efi"],
    ["UEFI over HTTP (00:10)", http(16), "http://10.1.0.10:8080/boot/ipxe.efi"],
    ["the HTTP architecture alone", { arch: [16] }, "http://10.1.0.10:8080/boot/ipxe.efi"],
    ["the HTTP class alone", http(7), "http://10.1.0.10:8080/boot/ipxe.efi"],
    ["ARM and then BIOS", { arch: [11, 0], vendorClass: "PXEClient" }, "undionly.kpxe"],
    ["UEFI and then BIOS", { arch: [7, 0], vendorClass: "PXEClient" }, "ipxe.efi"],
  ])("for %s, from the server's address on that interface", (_, client, file) => {
    expect(site().boot(client)).toEqual({ file });
  });

  it("is the loader of another architecture where the site has it", () => {
    const { boot } = site([...usual, "ipxe-arm64.efi"]);
    expect(boot(pxe(11))).toEqual({ file: "ipxe-arm64.efi" });
    expect(boot(http(19))).toEqual({ file: "http://10.1.0.10:8080/boot/ipxe-arm64.efi" });
  });

  it.each<[string, FirmwareFields, string]>([
    [
      "ARM without its loader",
      pxe(11),
      "no loader for client architecture 11 (ARM 64-bit UEFI): put ipxe-arm64.efi into the asset directory",
    ],
    [
      "an unregistered architecture beside ARM",
      { arch: [0xffff, 11], vendorClass: "PXEClient" },
      "no loader for client architecture 11 (ARM 64-bit UEFI): put ipxe-arm64.efi into the asset directory",
    ],
    [
      "a Raspberry Pi that claims to be an x86 BIOS",
      { ...pxe(0), mac: "b8:27:eb:00:00:01" as Mac },
      "this is the ROM of a Raspberry Pi: no loader for client architecture 41 (ARM rpiboot)",
    ],
  ])("is none for %s, not even the fallback", (_, client, none) => {
    expect(site(usual, { fallbackLoader: "ipxe.efi" }).boot(client)).toEqual({ none });
  });

  it.each<[string, FirmwareFields, Parameters<typeof site>[1], string]>([
    ["the usual loader", pxe(7), {}, "ipxe.efi"],
    ["the usual loader over HTTP", http(16), {}, "ipxe.efi"],
    ["the fallback", { mac: node01 }, { fallbackLoader: "ipxe.efi" }, "ipxe.efi"],
    ["the node's own loader", pxe(7), { loader: "own.efi" }, "own.efi"],
  ])(
    "is none where it would be %s and that is refused, with the reason",
    (_, client, changes, file) => {
      const why = `loader ${file} is cut short`;
      const { boot } = site(["undionly.kpxe"], changes, {}, [[file, why]]);
      expect(boot({ ...client, mac: node01 })).toEqual({ none: why });
      expect(boot(pxe(0))).toEqual({ file: "undionly.kpxe" });
    },
  );

  it("is the fallback for a client without a registered architecture, and is remarked on each time", () => {
    const { boot } = site(usual, { fallbackLoader: "ipxe.efi" });
    expect(boot({ mac: node01 })).toEqual(fallback);
    expect(boot({ mac: node01, arch: [0xffff] })).toEqual(fallback);
  });
});

describe("an iPXE that cannot run the script", () => {
  const withoutHttp = { ...pxe(0), userClass: "iPXE", ipxe: "150101180101" };

  it("gets a loader with drivers of its own, or the usual one where the site has none", () => {
    expect(site([...usual, "ipxe.pxe"]).boot(withoutHttp)).toEqual({ file: "ipxe.pxe" });
    expect(site().boot(withoutHttp)).toEqual({ file: "undionly.kpxe" });
    expect(site().boot({ ...withoutHttp, arch: [7] })).toEqual({ file: "ipxe.efi" });
  });

  it("is told of as a loop when the site's own loader is one of these", () => {
    const { boot } = site();
    for (let i = 0; i < 5; i++) {
      expect(boot({ ...withoutHttp, xid: i })).toHaveProperty("file");
      boot({ ...withoutHttp, xid: i, type: "REQUEST" });
    }
    expect(boot({ ...withoutHttp, xid: 4 })).toEqual({
      none: expect.stringMatching(
        /^loader loop: undionly\.kpxe was given 5 times .*built without HTTP/,
      ),
    });
  });
});

describe("a node's own loader", () => {
  const loader = "snponly.efi";

  it("is given to its firmware in place of the table's, by HTTP as a URL", () => {
    const { boot } = site([...usual, loader], { loader });
    expect(boot({ ...pxe(7), mac: node01 })).toEqual({ file: loader });
    expect(boot({ ...http(16), mac: node01 })).toEqual({
      file: "http://10.1.0.10:8080/boot/snponly.efi",
    });
  });

  it("is given neither to its iPXE, nor to its installed system, nor to another machine", () => {
    const { boot } = site([...usual, loader], { loader });
    expect(boot({ ...pxe(7), mac: node01, userClass: "iPXE" })).toEqual({ file: script });
    expect(boot({ mac: node01 })).toHaveProperty("none");
    expect(boot(pxe(7))).toEqual({ file: "ipxe.efi" });
  });

  it("is asked for by name when the site does not have it", () => {
    expect(site(usual, { loader }).boot({ ...pxe(7), mac: node01 })).toEqual({
      none: "the loader of node node01, snponly.efi, is not in the asset directory: put it there, or take `loader` out of the inventory",
    });
  });
});

describe("a node with Secure Boot", () => {
  const signed = ["shimx64.efi", "grubx64.efi"];
  const secure = { secureBoot: true };
  const asNode01 = (client: FirmwareFields) => ({ ...client, mac: node01 });

  it("gets the signed loader, and no other machine does", () => {
    const { boot } = site([...usual, ...signed], secure);
    expect(boot(asNode01(pxe(7)))).toEqual({ file: "shimx64.efi" });
    expect(boot(asNode01(pxe(9)))).toEqual({ file: "shimx64.efi" });
    expect(boot(pxe(7))).toEqual({ file: "ipxe.efi" });
    const arm64 = site([...usual, "shimaa64.efi", "grubaa64.efi", "ipxe-arm64.efi"], secure);
    expect(arm64.boot(asNode01(pxe(11)))).toEqual({ file: "shimaa64.efi" });
  });

  it.each<[string, readonly string[], number, string]>([
    [
      "an unsigned one where the signed one is not there",
      usual,
      7,
      "no signed loader for client architecture 7 (x64 UEFI): put shimx64.efi and grubx64.efi into the asset directory",
    ],
    [
      "shim without its GRUB",
      [...usual, "shimx64.efi"],
      7,
      "no signed loader for client architecture 7 (x64 UEFI): put grubx64.efi into the asset directory",
    ],
    [
      "anything over HTTP",
      [...usual, ...signed],
      16,
      "no signed loader for client architecture 16 (x64 UEFI, HTTP boot): put PXE before HTTP in its boot order, or set `loader` of this node to one that is signed",
    ],
    [
      "a BIOS loader",
      [...usual, ...signed],
      0,
      "no signed loader for client architecture 0 (x86 BIOS): switch Secure Boot off, or set `loader` of this node",
    ],
  ])("is not given %s", (_, loaders, arch, none) => {
    const client = arch === 16 ? http(arch) : pxe(arch);
    expect(site(loaders, secure).boot(asNode01(client))).toEqual({ none });
  });

  it("keeps a loader of its own", () => {
    const { boot } = site([...usual, "ipxe-shim.efi"], { ...secure, loader: "ipxe-shim.efi" });
    expect(boot(asNode01(http(16)))).toEqual({ file: "http://10.1.0.10:8080/boot/ipxe-shim.efi" });
  });

  it("is in no loader loop, though GRUB never asks DHCP", () => {
    const { boot } = site([...usual, ...signed], secure);
    for (let xid = 0; xid < 20; xid++) {
      expect(boot({ ...asNode01(pxe(7)), xid })).toEqual({ file: "shimx64.efi" });
      boot({ ...asNode01(pxe(7)), xid, type: "REQUEST" });
    }
  });
});

it("an arm64 machine gets GRUB where the site has no iPXE for it", () => {
  expect(site([...usual, "grubaa64.efi"]).boot(pxe(11))).toEqual({ file: "grubaa64.efi" });
  expect(site([...usual, "grubaa64.efi", "ipxe-arm64.efi"]).boot(pxe(11))).toEqual({
    file: "ipxe-arm64.efi",
  });
});

describe("an iPXE in a network card, where the site's loader is to be chained", () => {
  const ipxe = { ...pxe(0), userClass: "iPXE" };
  /** The boot files of one run of an iPXE. */
  const run = ({ boot }: Site, client: FirmwareFields, xid: number) => [
    boot({ ...client, xid }),
    boot({ ...client, xid, type: "REQUEST" }),
  ];
  const twice = (answer: unknown) => [answer, answer];

  it("gets the loader in its first run, the script in the second, and so at each boot", () => {
    const made = site(usual, { chainLoader: true });
    for (let i = 0; i < 10; i++) {
      expect(run(made, ipxe, 2 * i)).toEqual(twice({ file: "undionly.kpxe" }));
      expect(run(made, ipxe, 2 * i + 1)).toEqual(twice({ file: script }));
      made.nowMs += minute;
    }
  });

  it("gets the loader of its node, over UEFI as over BIOS", () => {
    const made = site([...usual, "snponly.efi"], { chainLoader: true, loader: "snponly.efi" });
    const uefi = { ...pxe(7), userClass: "iPXE", mac: node01 };
    expect(run(made, uefi, 1)).toEqual(twice({ file: "snponly.efi" }));
    expect(run(made, uefi, 2)).toEqual(twice({ file: script }));
  });

  it("gets a loader that asks DHCP no more at every boot", () => {
    const made = site([...usual, "pxelinux.0"], { chainLoader: true, loader: "pxelinux.0" });
    for (let i = 0; i < 10; i++)
      expect(run(made, { ...ipxe, mac: node01 }, i)).toEqual(twice({ file: "pxelinux.0" }));
  });

  it("gets the script where the loader is not there", () => {
    const made = site(usual, { chainLoader: true, loader: "snponly.efi" });
    expect(made.boot({ ...ipxe, mac: node01 })).toEqual({
      file: script,
      remark: expect.stringMatching(/^the script all the same: the loader of node node01/),
    });
  });

  it("gets the script at once where the site does not ask for this; a node may differ from its site", () => {
    expect(site().boot(ipxe)).toEqual({ file: script });
    const refusing = site(usual, { chainLoader: true }, { chainLoader: false });
    expect(refusing.boot({ ...ipxe, mac: node01 })).toEqual({ file: script });
    expect(refusing.boot(ipxe)).toEqual({ file: "undionly.kpxe" });
    const asking = site(usual, {}, { chainLoader: true });
    expect(asking.boot({ ...ipxe, mac: node01 })).toEqual({ file: "undionly.kpxe" });
    expect(asking.boot(ipxe)).toEqual({ file: script });
  });
});

describe("a machine whose loader never comes back as iPXE", () => {
  const attempt = ({ boot }: Site, client: FirmwareFields, xid: number) => {
    const answer = boot({ ...client, xid });
    boot({ ...client, xid, type: "REQUEST" });
    return answer;
  };

  it("is stopped at the fifth attempt, with the cause and what to do, and served again five minutes later", () => {
    const made = site();
    for (let i = 0; i < 5; i++) {
      made.nowMs = i * minute;
      expect(attempt(made, pxe(7), i)).toEqual({ file: "ipxe.efi" });
    }
    made.nowMs = 4 * minute;
    const none =
      "loader loop: ipxe.efi was given 5 times within an hour and the machine never came back as an iPXE that runs the script; " +
      "architecture 7 (x64 UEFI): Secure Boot refuses ipxe.efi, or it hangs on this network card: " +
      "set `secureBoot: true` of this node, or `loader: snponly.efi`; the loader is held back for 5 minutes";
    expect(attempt(made, pxe(7), 4)).toEqual({ none });
    made.nowMs = 9 * minute - 1;
    expect(attempt(made, pxe(7), 5)).toEqual({ none });
    made.nowMs = 9 * minute;
    expect(attempt(made, pxe(7), 6)).toEqual({ file: "ipxe.efi" });
  });

  it.each<[string, FirmwareFields]>([
    ["its iPXE asks", { ...pxe(7), userClass: "iPXE" }],
    ["its installed system asks", {}],
  ])("is not stopped when %s in between", (_, other) => {
    const made = site();
    for (let i = 0; i < 20; i++) {
      made.nowMs = i * 20 * second;
      expect(attempt(made, pxe(7), i)).toEqual({ file: "ipxe.efi" });
      made.boot({ ...other, xid: 1000 + i });
    }
  });

  it("does not keep its iPXE from the script once that does ask", () => {
    const made = site();
    for (let i = 0; i < 6; i++) attempt(made, pxe(0), i);
    expect(made.boot({ ...pxe(0), userClass: "iPXE" })).toEqual({ file: script });
  });

  it("is never an installed system that renews its lease, fallback or not", () => {
    const made = site(usual, { fallbackLoader: "ipxe.efi" });
    for (let i = 0; i < 20; i++) expect(attempt(made, {}, i)).toEqual(fallback);
  });
});

it("reserves for each node its address and name, and no other", () => {
  const { policy } = site();
  expect(policy.reservation(node01)).toEqual({ address: "10.0.100.50", hostName: "node01" });
  expect(policy.reservation("52:54:00:99:00:01" as Mac)).toBeUndefined();
  expect(policy.reservedFor("10.0.100.50" as Ipv4)).toBe(node01);
  expect(policy.reservedFor("10.0.100.99" as Ipv4)).toBeUndefined();
});
