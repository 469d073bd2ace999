import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { CliError } from "../../src/cli/exit.ts";
import { addGenerateCommand } from "../../src/cli/generate.ts";
import { generators } from "../../src/generate/generators.ts";
import { siteFile } from "../generate/site.ts";
import { run as runProcess, startServer, type TestServer } from "./run.ts";

let folder: string;
let tree: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-generate-"));
  tree = join(folder, "tree");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The command in this process, with the program's own options and its form of an error. */
async function run(args: readonly string[]) {
  let [code, stdout, stderr]: [number, string, string] = [0, "", ""];
  vi.spyOn(console, "log").mockImplementation((line) => {
    stdout += `${line}\n`;
  });
  vi.spyOn(console, "error").mockImplementation((line) => {
    stderr += `${line}\n`;
  });
  const program = new Command()
    .option("--json")
    .option("--api <url>")
    .option("--token-file <file>")
    .option("--inventory <file>");
  addGenerateCommand(program, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    code = error.code;
    stderr += `rackstrap: ${error.message}\n  next: ${error.next}\n`;
  } finally {
    vi.restoreAllMocks();
  }
  return { code, stdout, stderr };
}

const offline = ["--api", "http://127.0.0.1:1", "--token-file", "/nonexistent"];

function generate(...args: readonly string[]) {
  return run(["generate", "--inventory", siteFile, "--into", tree, ...offline, ...args]);
}

const inTree = (path: string) => join(tree, path);
const text = (path: string) => readFileSync(inTree(path), "utf8");

describe("generate without a server", () => {
  it("shows what it would make and writes nothing", async () => {
    const { code, stdout, stderr } = await generate();
    expect(code).toBe(0);
    expect(stdout).toContain("--- /dev/null\n+++ b/dns/example.com.zone\n");
    expect(stdout).toContain(`${tree}: 13 files: 13 new\nnothing was written: add --write\n`);
    expect(stderr).toContain(
      "not generated: cluster-config: whether cluster prod-cluster exists is not known: ",
    );
    expect(stderr).toContain("say with --offline-bootstrap that the cluster was never formed");
    expect(existsSync(tree)).toBe(false);
  });

  it("writes, and then has nothing to do", async () => {
    const first = await generate("--write");
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toContain("created dns/example.com.zone\n");
    const { code, stdout } = await generate();
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${tree}: 13 files: 13 unchanged\n` });
  });

  it("makes cluster-config.json only where somebody answers for it", async () => {
    const { code, stderr } = await generate("--only", "cluster-config");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rackstrap: no cluster-config: whether cluster prod-cluster exists/);
    const written = await generate("--write", "--offline-bootstrap");
    expect(written.code).toBe(0);
    expect(written.stderr).toMatch(/^not generated: nixos: there is no public key yet.*\n.*\n$/);
    const config = (node: string) =>
      JSON.parse(text(`nodes/${node}.example.com/secrets/cluster-config.json`));
    expect([config("node01"), config("node02")].map(({ bootstrap }) => bootstrap)).toEqual([
      true,
      false,
    ]);
    // What nobody can judge now is left as it is.
    const { stdout, stderr: warned } = await generate("--write");
    expect(stdout).not.toContain("removed");
    expect(warned).toContain(
      'nodes/node01.example.com/secrets/cluster-config.json is of an earlier run and says "bootstrap": do not give it to a node\n',
    );
    expect(warned).not.toContain("node02.example.com/secrets");
    expect(config("node01").bootstrap).toBe(true);
  });

  it("takes the folder from install.flake, and asks for one where the flake is elsewhere", async () => {
    const elsewhere = join(folder, "site.yaml");
    const inventory = (flake: string) =>
      writeFileSync(
        elsewhere,
        readFileSync(siteFile, "utf8").replace("flake: /srv/provisioning", `flake: ${flake}`),
      );
    inventory("./flake");
    const args = ["generate", "--inventory", elsewhere, "--only", "hosts", "--write"];
    expect(await run(args)).toMatchObject({ code: 0 });
    expect(existsSync(join(folder, "flake/dns/hosts"))).toBe(true);
    inventory("github:owner/site");
    expect(await run(args)).toMatchObject({
      code: 2,
      stderr:
        "rackstrap: install.flake is github:owner/site, which is no local folder\n  next: say where the files are with --into DIR\n",
    });
  });
});

describe("a file that was edited by hand", () => {
  beforeEach(async () => {
    await generate("--write");
    writeFileSync(inTree("dns/hosts"), `${text("dns/hosts")}10.0.200.9\told-box\u001b[2J\n`);
  });

  it("is shown with its edit, and is left alone while the others are written", async () => {
    rmSync(inTree("ssh/config"));
    const preview = await generate("--only", "hosts", "ssh");
    expect(preview.code).toBe(1);
    expect(preview.stdout).toContain(
      "dns/hosts: the edit\n--- dns/hosts (as generated)\n+++ dns/hosts (as edited)\n",
    );
    expect(preview.stdout).toContain("+10.0.200.9\told-box\\x1b[2J\n");
    expect(preview.stdout).toContain("dns/hosts: what would be generated has not changed\n");
    const { code, stdout, stderr } = await generate("--only", "hosts", "ssh", "--write");
    expect(code).toBe(4);
    expect(stdout).toContain("created ssh/config\n");
    expect(stderr).toContain("left alone: dns/hosts was edited by hand\n");
    expect(stderr).toContain("or overwrite it: --force dns/hosts\n");
    expect(text("dns/hosts")).toContain("old-box");
  });

  it("is overwritten on demand, by its path in the tree or its own", async () => {
    expect(await generate("--write", "--force", inTree("dns/hosts"))).toMatchObject({ code: 0 });
    expect(text("dns/hosts")).not.toContain("old-box");
  });

  it("is nothing that can be forced when generate does not make it", async () => {
    expect(await generate("--write", "--force", "dns/host")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--force dns/host is nothing that would be generated into"),
    });
  });

  it("is told in JSON, too", async () => {
    const { code, stdout } = await generate("--only", "hosts", "--write", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      directory: tree,
      written: true,
      skipped: [],
      files: [
        {
          ...{ path: "dns/hosts", by: "hosts", action: "edited", foreign: false },
          diff: expect.stringContaining("old-box"),
          failed: "it was edited by hand",
        },
      ],
    });
  });

  it("stays when nobody knows any more what was written", async () => {
    rmSync(inTree(".rackstrap-generated.json"));
    const { code, stdout } = await generate("--only", "hosts");
    expect(code).toBe(1);
    expect(stdout).toContain("left alone: dns/hosts was not written by generate\n");
  });
});

it("takes away what belongs to a node that is gone, except what was edited", async () => {
  await generate("--write", "--offline-bootstrap");
  const without = join(folder, "without.yaml");
  const site = readFileSync(siteFile, "utf8");
  writeFileSync(without, site.slice(0, site.indexOf("  node04:")));
  const zone = inTree("monitoring/flashdns.json");
  writeFileSync(zone, "[]\n");
  const args = ["--into", tree, ...offline, "--offline-bootstrap", "--write"];
  const { code, stdout, stderr } = await run(["generate", "--inventory", without, ...args]);
  expect(code).toBe(4);
  expect(stdout).toContain("removed nodes/node04.example.com/secrets/cluster-config.json\n");
  expect(stdout).toContain("removed monitoring/plasmavmc.json\n");
  expect(stderr).toContain("remove it: --force monitoring/flashdns.json\n");
  expect(existsSync(inTree("nodes/node04.example.com"))).toBe(false);
  expect(existsSync(zone)).toBe(true);
  expect(text("dns/example.com.zone")).not.toContain("node04");
});

describe("generate with a server", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.close());

  const ask = (url: string, tokenFile: string) =>
    run([
      ...["generate", "--inventory", siteFile, "--into", tree, "--only", "cluster-config"],
      ...["--offline-bootstrap", "--write", "--api", url, "--token-file", tokenFile],
    ]);

  it("tells no node to form a cluster that the server knows, whatever the operator says", async () => {
    expect(await ask(server.url, server.tokenFile)).toMatchObject({ code: 0 });
    const config = JSON.parse(text("nodes/node01.example.com/secrets/cluster-config.json"));
    expect(config).toMatchObject({
      bootstrap: false,
      leader_url: "https://node02.example.com:2379",
    });
  });

  it("believes no server of another cluster", async () => {
    const other = await startServer({
      formation: async () => ({ cluster: "lab", state: "unformed" }),
    });
    const { code, stderr } = await ask(other.url, other.tokenFile);
    await other.close();
    expect(code).toBe(1);
    expect(stderr).toContain(
      "the server knows the cluster lab, and this inventory is of prod-cluster",
    );
  });
});

it("is a command of the program", async () => {
  const args = ["generate", "--inventory", siteFile, "--into", tree, "--only", "hosts", "--json"];
  const { code, stdout } = await runProcess(args);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).files).toMatchObject([{ path: "dns/hosts", action: "create" }]);
}, 30_000);

it("names every generator in docs/generate.md", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/generate.md"), "utf8");
  for (const { name } of generators) expect(page).toContain(`| \`${name}\` |`);
});
