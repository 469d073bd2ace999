import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatProblem, loadInventory, parseTexts } from "../../src/inventory/load.ts";
import { edited } from "./edit.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-include-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return join(folder, "site.yaml");
}

const good = edited("site: example\n", "site: example\n");
const [head = "", nodes = ""] = good.split(/^nodes:\n/m);
const [first = "", second = ""] = nodes.split(/^(?= {2}node02:)/m);
const spread = (include: string) => `include: [${include}]\n${head}`;
const sound = {
  "site.yaml": spread("nodes/*.yaml"),
  "nodes/one.yaml": `nodes:\n${first}`,
  "nodes/two.yaml": `nodes:\n${second}`,
};

test("an inventory in several files says what it says in one, and names them all", () => {
  const site = write(sound);
  const loaded = loadInventory(site);
  if ("problems" in loaded) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  const whole = loadInventory(write({ "site.yaml": good }));
  if ("problems" in whole) throw new Error("the good file has problems");
  expect({ ...loaded.inventory, include: [] }).toEqual(whole.inventory);
  expect(loaded.files).toEqual([
    site,
    join(folder, "nodes/one.yaml"),
    join(folder, "nodes/two.yaml"),
  ]);
});

test("an included file may be JSON, may hold comments alone, and its paths are taken from the main file's folder", () => {
  const json = JSON.stringify({ boot: { templates: "./templates" } });
  const site = write({
    ...sound,
    "site.yaml": spread("nodes/*.yaml, parts/boot.json"),
    "parts/boot.json": json,
    "nodes/three.yaml": "# a rack that is to come\n",
    "nodes/.two.yaml.swp.yaml": "nodes: {}\n",
  });
  const loaded = loadInventory(site);
  expect("inventory" in loaded && loaded.inventory.boot.templates).toBe(join(folder, "templates"));
  expect(loaded.files).toHaveLength(5);
});

// What is wrong, the files beside the sound ones, and the problems with FOLDER/ left out.
test.each<[string, Record<string, string>, ...string[]]>([
  [
    "a node in two files",
    { "nodes/two.yaml": `nodes:\n${first}${second}` },
    "nodes/two.yaml:2:3: nodes.node01: nodes.node01 is written at nodes/one.yaml:2:3 already: keep one of the two",
  ],
  [
    "a setting in two files",
    { "nodes/two.yaml": `site: other\nnodes:\n${second}` },
    "nodes/two.yaml:1:1: site: site is written at site.yaml:2:1 already: keep one of the two",
  ],
  [
    "one network in two files",
    { "nodes/two.yaml": `networks: { management: { vlan: 10 } }\nnodes:\n${second}` },
    "nodes/two.yaml:1:13: networks.management: networks.management is written at site.yaml:16:3 already: keep one of the two",
  ],
  [
    "a section that is no map in one of the files",
    { "nodes/two.yaml": "nodes: [node02]\n" },
    "nodes/two.yaml:1:1: nodes: nodes is written at nodes/one.yaml:1:1 already: keep one of the two",
  ],
  [
    "an include in an included file",
    { "nodes/two.yaml": `include: [x.yaml]\nnodes:\n${second}` },
    "nodes/two.yaml:1:1: include: only site.yaml includes files: name this one's there",
  ],
  [
    "a list in place of sections",
    { "nodes/two.yaml": "- node02\n" },
    "nodes/two.yaml:1:1: is not a map of settings: write the sections of an inventory, such as nodes:",
  ],
  [
    "an included file that is no YAML",
    { "nodes/two.yaml": "nodes: {\n" },
    "nodes/two.yaml:2:1: not valid YAML: Flow map in block collection must be sufficiently indented and end with a }",
  ],
  [
    "a wrong value in an included file",
    { "nodes/two.yaml": `nodes:\n${second.replace("10.0.100.80", "10.0.100")}` },
    'nodes/two.yaml:6:26: nodes.node02.provisioningAddress: "10.0.100" is not an IPv4 address such as 10.0.100.50',
  ],
  [
    "an address of two nodes in two files",
    { "nodes/two.yaml": `nodes:\n${second.replace("10.0.100.80", "10.0.100.50")}` },
    "nodes/two.yaml:6:26: nodes.node02.provisioningAddress: node node02 has the provisioning address 10.0.100.50 of node node01: give each machine its own",
  ],
  [
    "an include that names no file",
    { "site.yaml": spread("nodes/*.yaml, racks/*.yaml") },
    "site.yaml:1:25: include.1: racks/*.yaml names no file in FOLDER: create it or remove it",
  ],
  [
    "an include that names the file itself",
    { "site.yaml": spread('"*.yaml"') },
    "site.yaml:1:11: include.0: *.yaml names this file itself: keep the others in a folder, as in nodes/*.yaml",
  ],
  [
    "an include outside the folder",
    { "site.yaml": spread("../nodes.yaml") },
    'site.yaml:1:11: include.0: "../nodes.yaml" is not a file below the inventory\'s own folder, such as networks.yaml or nodes/*.yaml',
  ],
  [
    "an include by its absolute path",
    { "site.yaml": spread("/etc/nodes.yaml") },
    'site.yaml:1:11: include.0: "/etc/nodes.yaml" is not a file below the inventory\'s own folder, such as networks.yaml or nodes/*.yaml',
  ],
  [
    "an include that is no list",
    { "site.yaml": `include: nodes/one.yaml\n${head}` },
    'site.yaml:1:10: include: "nodes/one.yaml" is not a list',
  ],
])("%s is refused where it stands", (_what, files, ...problems) => {
  const loaded = loadInventory(write({ ...sound, ...files }));
  const told = "problems" in loaded ? loaded.problems.map(formatProblem) : [];
  expect(
    told.map((line) => line.replaceAll(`${folder}/`, "").replaceAll(folder, "FOLDER")),
  ).toEqual(problems);
});

test("the texts of several files are judged without a disk", () => {
  const texts = Object.entries(sound).map(([name, text]) => ({ name, text }));
  expect(parseTexts(texts)).toHaveProperty("inventory");
  expect(parseTexts(texts.slice(0, 1))).toHaveProperty("problems");
  expect(
    parseTexts([
      { name: "a", text: "x: [" },
      { name: "b", text: "y: [" },
    ]),
  ).toMatchObject({
    problems: [{ file: "a" }, { file: "b" }],
  });
});

test.each(["/dev/zero", "/dev", "/proc/self/fd"])(
  "%s is no inventory, and is not waited for",
  (file) => {
    const result = loadInventory(file);
    expect("problems" in result ? result.problems.map(({ message }) => message) : []).toEqual([
      expect.stringContaining("the inventory can't be read (it is no regular file)"),
    ]);
  },
);
