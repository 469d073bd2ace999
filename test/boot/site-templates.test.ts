// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings of iPXE, which it expands itself

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AssetSet } from "../../src/boot/assets.ts";
import type { Decision } from "../../src/boot/decide.ts";
import { loadLoaderConfigs } from "../../src/boot/loader-config.ts";
import { commonScript, localDisk, machineScript } from "../../src/boot/machine-script.ts";
import type { MachineTexts } from "../../src/boot/machine-texts.ts";
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

const own = new URL("../../templates", import.meta.url).pathname;
const scripts = (): BootScripts => loadScripts(own, () => directory);
const of = (node: Node) => ({ mac: node.mac, node });

function installed(node: Node, texts: MachineTexts = scripts()) {
  const decision: Decision = {
    boot: { kind: "installer", node, intentId: "intent-1", operation: "op-1" },
    reason: `node ${node.name} is armed`,
  };
  const tools = { texts, server, set: () => set, nonce: () => "n0nce" };
  return machineScript(tools, of(node), decision);
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

test("a template is read again when its file has changed, and ours is used when it is gone", () => {
  const texts = scripts();
  const text = () => installed(node01, texts).text;
  const path = put("installer.ipxe.hbs", "#!ipxe\necho first\n");
  expect([text(), text()]).toEqual(["#!ipxe\necho first\n", "#!ipxe\necho first\n"]);
  writeFileSync(path, "#!ipxe\necho other\n");
  expect(text()).toBe("#!ipxe\necho other\n");
  rmSync(path);
  expect(text()).toContain("starts the installer of profile control-plane");
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
  const script = localDisk(scripts(), of(node01), "node node01 is active");
  expect(script).toMatchObject({ plan: "local-disk", fault: expect.stringContaining(path) });
  expect(script.text).toContain("echo rackstrap: node node01 is active\n");
});

test.each([
  ["menu", "boot.ipxe.hbs"],
  ["autoexec", "autoexec.ipxe.hbs"],
] as const)("a faulty %s sends machines to their disk, and is named", (name, template) => {
  expect(commonScript(scripts(), name, server).fault).toBeUndefined();
  const path = put(template, "#!ipxe\n{{nothing}}\n");
  const { text, fault } = commonScript(scripts(), name, server);
  expect(fault).toContain(path);
  expect(text).toContain("sanboot");
});

describe.each(["grub", "pxelinux"] as const)("the templates of %s", (kind) => {
  const configs = () => loadLoaderConfigs(own, () => directory)[kind];
  const sound = {
    grub: "linux '/{{kernel}}' {{kernelArguments}}\ninitrd '/{{initrd}}' '/{{keys}}'\nboot\n",
    pxelinux: "DEFAULT x\nLABEL x\n  KERNEL /{{kernel}}\n  APPEND {{kernelArguments}}\n",
  }[kind];

  test("are looked for as those of iPXE are", () => {
    const text = () => installed(node01, configs()).text;
    expect(text()).toContain("starts the installer of profile control-plane");
    for (const folder of [".", "profiles/control-plane", "nodes/node01"]) {
      put(`${folder}/installer.${kind}.cfg.hbs`, `# {{profile}} in ${folder}\n${sound}`);
      expect(text()).toMatch(new RegExp(`^# control-plane in ${folder}\n`));
    }
    expect(installed(node02, configs()).text).toContain("# control-plane in profiles");
  });

  test.each([
    ["a value that does not exist", "{{kernelURL}}\n", '"kernelURL" not defined'],
    ["a value of iPXE's", "{{keysUrl}}\n", '"keysUrl" not defined'],
    ["half an expression", "{{kernel}\n", "Parse error"],
    ["a letter that is no ASCII", `${sound}# \u00fc\n`, "no plain ASCII"],
    ["too many lines", `${sound}${"# filler\n".repeat(10_000)}`, "longer than"],
    [
      "half of a block",
      { grub: "if true; then\n", pxelinux: "DEFAULT y\n" }[kind],
      "has no |is no ",
    ],
  ])("with %s send the machine to its disk, and are named", (_, text, why) => {
    const path = put(`nodes/node01/installer.${kind}.cfg.hbs`, text);
    const { fault, plan, text: given } = installed(node01, configs());
    expect([plan, fault?.includes(`${path}: `)]).toEqual(["local-disk", true]);
    expect(fault).toMatch(new RegExp(why));
    expect(given).not.toContain("nixos/");
    expect(given).toContain("boots its own disk");
  });

  test("of the local disk are replaced by ours where they are faulty", () => {
    const path = put(`local-disk.${kind}.cfg.hbs`, "{{nothing}}\n");
    const script = localDisk(configs(), of(node01), "node node01 is active");
    expect(script.fault).toContain(path);
    expect(script.text).toContain("node node01 is active");
  });
});

test("without an asset set the machine boots its disk, and what is missing is named", () => {
  const decision: Decision = {
    boot: { kind: "installer", node: node01, intentId: "i", operation: "o" },
    reason: "armed",
  };
  const tools = { texts: scripts(), server, set: () => undefined, nonce: () => "n0nce" };
  const script = machineScript(tools, of(node01), decision);
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
    const { text } = localDisk(scripts(), of({ ...node01, localBoot }), "a reason");
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines.slice(2)).toEqual(commands);
  },
);
