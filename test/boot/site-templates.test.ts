// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings of iPXE, which it expands itself

import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AssetSet } from "../../src/boot/assets.ts";
import type { Decision } from "../../src/boot/decide.ts";
import { localDisk, machineScript, menuScript } from "../../src/boot/machine-script.ts";
import { type BootScripts, loadScripts } from "../../src/boot/script.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { exampleInventory } from "../fakes/rack.ts";

const [node01, node02] = exampleInventory().nodes;
if (node01 === undefined || node02 === undefined) throw new Error("the example site has two nodes");
const server = { address: "10.0.100.10" as Ipv4, baseUrl: "http://10.0.100.10:8080" };
const file = { path: "/x", sizeBytes: 1, identity: "1", sha256: "0".repeat(64) };
const set: AssetSet = {
  profile: "control-plane",
  kernelName: "bzImage",
  kernel: file,
  initrd: file,
  arguments: ["init=/nix/store/x/init"],
  version: "0123456789abcdef",
};

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-templates-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const scripts = (): BootScripts =>
  loadScripts(new URL("../../templates", import.meta.url).pathname, directory);

function installed(node: Node) {
  const decision: Decision = {
    boot: { kind: "installer", node, intentId: "intent-1", operation: "op-1" },
    reason: `node ${node.name} is armed`,
  };
  const tools = { scripts: scripts(), server, set: () => set, nonce: () => "n0nce" };
  return machineScript(tools, node, decision);
}

test("a node's own template comes before its profile's, that before the site's, and ours is last", () => {
  const text = () => installed(node01).text;
  expect(text()).toContain("starts the installer of profile control-plane");
  put("installer.ipxe.hbs", "#!ipxe\necho site {{node}}\n");
  expect(text()).toBe("#!ipxe\necho site node01\n");
  put("profiles/control-plane/installer.ipxe.hbs", "#!ipxe\necho profile {{profile}}\n");
  expect(text()).toBe("#!ipxe\necho profile control-plane\n");
  put("nodes/node01/installer.ipxe.hbs", "#!ipxe\nkernel {{kernelUrl}} {{kernelArguments}}\n");
  expect(text()).toContain("kernel http://10.0.100.10:8080/boot/nixos/control-plane/bzImage?set=");
  expect(installed(node02).text).toBe("#!ipxe\necho profile control-plane\n");
});

test("a template is compiled once, and again when its file has changed", () => {
  const all = scripts();
  const path = put("boot.ipxe.hbs", "#!ipxe\necho first\n");
  utimesSync(path, 1, 1);
  expect(menuScript(all, server).text).toBe("#!ipxe\necho first\n");
  // The same file by its inode, length and time.
  writeFileSync(path, "#!ipxe\necho never\n");
  utimesSync(path, 1, 1);
  expect(menuScript(all, server).text).toBe("#!ipxe\necho first\n");
  utimesSync(path, 2, 2);
  expect(menuScript(all, server).text).toBe("#!ipxe\necho never\n");
  rmSync(path);
  expect(menuScript(all, server).text).toContain("rackstrap");
});

test("every value of the installer can be used, and the way to the disk with it", () => {
  const names = ["product", "node", "profile", "attempts", "nodesUrl", "kernelUrl", "initrdUrl"];
  names.push("keysUrl", "clusterConfigUrl", "reportUrl", "kernelArguments");
  put(
    "installer.ipxe.hbs",
    `#!ipxe\n${names.map((name) => `echo {{${name}}}\n`).join("")}{{> leave}}`,
  );
  const { text, fault } = installed(node01);
  expect(fault).toBeUndefined();
  expect(text).toContain(
    `echo http://10.0.100.10:8080/boot/nodes/${node01.mac}/report?nonce=n0nce\n`,
  );
  expect(text).toContain("sanboot");
});

test.each([
  ["a value that does not exist", "#!ipxe\nkernel {{kernelURL}}\n", '"kernelURL" not defined'],
  ["half an expression", "#!ipxe\nkernel {{kernelUrl}\n", "Parse error"],
  ["a helper that does not exist", "#!ipxe\n{{shout node}}\n", "shout"],
  ["no first line", "kernel {{kernelUrl}}\n", "does not start with the line #!ipxe"],
  ["a label that does not exist", "#!ipxe\ngoto nowhere\n", "line 2: goto nowhere"],
])("a template with %s sends the machine to its disk and names the file", (_, text, why) => {
  const path = put("nodes/node01/installer.ipxe.hbs", text);
  const script = installed(node01);
  expect(script).toMatchObject({ plan: "local-disk", fault: expect.stringContaining(`${path}: `) });
  expect(script.fault).toContain(why);
  expect(script.text).toContain("sanboot --no-describe --drive 0x80");
});

test("a faulty local-disk template is named, and ours takes its place", () => {
  const path = put("local-disk.ipxe.hbs", "echo no first line\n");
  const script = localDisk(scripts(), node01, "node node01 is active");
  expect(script).toMatchObject({ plan: "local-disk", fault: expect.stringContaining(path) });
  expect(script.text).toContain("echo rackstrap: node node01 is active\n");
});

test("a faulty first script sends machines to their disk, and is named", () => {
  expect(menuScript(scripts(), server).fault).toBeUndefined();
  const path = put("boot.ipxe.hbs", "#!ipxe\n{{nothing}}\n");
  const { text, fault } = menuScript(scripts(), server);
  expect(fault).toContain(path);
  expect(text).toContain("sanboot");
});

test("without an asset set the machine boots its disk, and what is missing is named", () => {
  const decision: Decision = {
    boot: { kind: "installer", node: node01, intentId: "i", operation: "o" },
    reason: "armed",
  };
  const tools = { scripts: scripts(), server, set: () => undefined, nonce: () => "n0nce" };
  const script = machineScript(tools, node01, decision);
  expect(script).toMatchObject({
    plan: "local-disk",
    fault: expect.stringMatching(/no usable asset set/),
  });
});

test.each([
  [
    "auto",
    [
      "iseq ${platform} efi && exit 1 ||",
      "ifclose ||",
      "sanboot --no-describe --drive 0x80 || exit 1",
    ],
  ],
  ["sanboot", ["ifclose ||", "sanboot --no-describe --drive 0x80 || exit 1"]],
  ["exit", ["exit 0"]],
  ["exit-1", ["exit 1"]],
] as const)(
  "with localBoot %s a machine goes to its disk by these commands",
  (localBoot, commands) => {
    const { text } = localDisk(scripts(), { ...node01, localBoot }, "a reason");
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines.slice(2)).toEqual(commands);
  },
);
