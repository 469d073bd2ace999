import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { replaceText } from "../../src/cli/replace-text.ts";
import { loadInventory } from "../../src/inventory/load.ts";
import { discoveredMac } from "../api/fake-rackstrap.ts";
import { startServer, type TestServer } from "./run.ts";

// Each starts the command line anew, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

let server: TestServer;
let file = "";
let folder = "";
beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "rackstrap-accept-"));
  file = join(folder, "site.yaml");
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => copyFileSync("inventory/site.yaml", file));

const accept = (...options: string[]) =>
  server.rackstrap(
    ...["accept", discoveredMac, "--as", "node07", "--profile", "worker"],
    ...["--inventory", file, ...options],
  );
const original = readFileSync("inventory/site.yaml", "utf8");

test("accept shows the change and writes nothing", async () => {
  const { code, stdout } = await accept();
  expect(code).toBe(0);
  expect(stdout).toContain(`+++ ${file}`);
  expect(stdout).toMatch(/^@@ -\d+,3 \+\d+,1\d @@/m);
  expect(stdout).toMatch(/^\+ {2}node07:/m);
  expect(stdout).toMatch(/^\+ {4}serial: CZ1234567/m);
  expect(stdout).toContain("nothing is written: add --write");
  expect(stdout).not.toMatch(/^-[^-]/m);
  expect(readFileSync(file, "utf8")).toBe(original);
});

test("with --write the file has the node, every line that it had, and its mode; a link stays one", async () => {
  chmodSync(file, 0o640);
  const link = join(folder, "link.yaml");
  symlinkSync(file, link);
  const { code, stdout } = await accept("--write", "--inventory", link);
  expect(code).toBe(0);
  expect(stdout).toContain("rackstrap provision node07");
  const text = readFileSync(file, "utf8");
  expect(text.startsWith(original.trimEnd())).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder).toSorted()).toEqual(["link.yaml", "site.yaml"]);
  const read = loadInventory(file);
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  expect(read.inventory.nodes.find(({ name }) => name === "node07")).toMatchObject({
    mac: "52:54:00:aa:bb:cc",
    provisioningAddress: "10.0.100.81",
    bmc: { address: "10.0.10.77" },
  });
  rmSync(link);
});

test("--json has the entry, the change and whether it was written", async () => {
  const { stdout } = await accept("--json");
  const answer = JSON.parse(stdout) as Record<string, unknown>;
  expect(answer).toMatchObject({ node: "node07", file, written: false });
  expect(answer["entry"]).toMatchObject({ serial: "CZ1234567" });
  expect(answer["diff"]).toContain("+  node07:");
});

test.each<[string, string[], RegExp]>([
  ["a name that is taken", ["--as", "node04"], /node04 is in the inventory already/],
  [
    "an address that is taken, in the loader's words",
    ["--provisioning-address", "10.0.100.50"],
    /site\.yaml:\d+:\d+: nodes\.node07\.provisioningAddress: node node07 has the provisioning address 10\.0\.100\.50 of node node01/,
  ],
  ["an address in the pool", ["--provisioning-address", "10.0.100.150"], /lies inside the pool/],
  ["a BMC elsewhere", ["--bmc-address", "192.168.1.1"], /outside the management network/],
  ["no name", ["--as", "Node 7"], /host name/],
  ["no profile", ["--profile", "nobody"], /no profile "nobody"/],
  ["no disk", ["--disk", "sda"], /--disk sda/],
])("%s is refused, and nothing is written", async (_what, options, message) => {
  const { code, stderr } = await accept("--write", ...options);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
  expect(readFileSync(file, "utf8")).toBe(original);
});

test("in an inventory of several files, the one that has the nodes is written", async () => {
  const [top = "", nodes = ""] = original.split(/^(?=nodes:)/m);
  const part = join(folder, "nodes.yaml");
  writeFileSync(file, `include: [nodes.yaml]\n${top}`);
  writeFileSync(part, nodes);
  const { code, stdout } = await accept("--write");
  expect([code, stdout]).toEqual([0, expect.stringContaining(`written to ${part}`)]);
  expect(readFileSync(file, "utf8")).not.toContain("node07");
  expect(readFileSync(part, "utf8")).toContain("node07");
  const { stderr } = await accept("--as", "node08", "--file", "inventory/site.yaml");
  expect(stderr).toContain("is no file of the inventory");
  rmSync(part);
});

test("a machine that nobody has heard is unknown", async () => {
  const { code, stderr } = await server.rackstrap(
    ...["accept", "52:54:00:00:00:01", "--as", "n", "--profile", "worker", "--inventory", file],
  );
  expect([code, stderr]).toEqual([2, expect.stringContaining("no machine 52:54:00:00:00:01")]);
});

test("a file that somebody else changed meanwhile stays as it is", () => {
  expect(() => replaceText(file, "an earlier text", "new")).toThrow(/changed by somebody else/);
  expect(readFileSync(file, "utf8")).toBe(original);
  expect(readdirSync(folder)).toEqual(["site.yaml"]);
});
