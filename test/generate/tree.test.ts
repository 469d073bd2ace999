import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manifestName } from "../../src/generate/manifest.ts";
import { type Action, plan } from "../../src/generate/plan.ts";
import {
  openTree,
  readFiles,
  type Tree,
  type Written,
  writeTree,
} from "../../src/generate/tree.ts";

let root: string;
let outside: string;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "rackstrap-tree-"));
  root = join(folder, "tree");
  outside = join(folder, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "hosts"), "theirs");
});
afterEach(() => rmSync(join(root, ".."), { recursive: true }));

function open(): Tree {
  const tree = openTree(root);
  if ("fault" in tree) throw new Error(tree.fault);
  return tree;
}

function planned(tree: Tree, files: Readonly<Record<string, string>>): readonly Action[] {
  const wanted = Object.entries(files).map(([path, text]) => ({ path, text, by: "dns" }));
  const paths = new Set([...Object.keys(files), ...tree.manifest.keys()]);
  const disk = readFiles(tree.root, paths);
  const facts = { files: wanted, complete: new Set(["dns"]), manifest: tree.manifest, disk };
  return plan({ ...facts, forced: new Set() });
}

async function write(
  files: Readonly<Record<string, string>>,
  meanwhile: () => void = () => {},
): Promise<Written> {
  const tree = open();
  const actions = planned(tree, files);
  meanwhile();
  const written = await writeTree(tree, actions);
  if ("fault" in written) throw new Error(written.fault);
  return written;
}

const text = (path: string) => readFileSync(join(root, path), "utf8");

describe("a tree", () => {
  it("is made with its folders, and holds nothing but its files and the manifest", async () => {
    expect((await write({ "dns/hosts": "a", "x.json": "b" })).failed).toEqual([]);
    expect([text("dns/hosts"), text("x.json")]).toEqual(["a", "b"]);
    expect(readdirSync(root).toSorted()).toEqual([manifestName, "dns", "x.json"]);
    expect([...open().manifest.keys()]).toEqual(["dns/hosts", "x.json"]);
  });

  it("is not touched by a second run that finds nothing to do", async () => {
    await write({ "dns/hosts": "a" });
    const before = text(manifestName);
    chmodSync(root, 0o555);
    expect((await write({ "dns/hosts": "a" })).failed).toEqual([]);
    chmodSync(root, 0o755);
    expect(text(manifestName)).toBe(before);
  });

  it("loses the files that are no longer made, and the folders they leave empty", async () => {
    await write({ "nodes/node01/a": "1", "nodes/node02/b": "2", "dns/hosts": "a" });
    writeFileSync(join(root, "nodes/node01/local.nix"), "mine");
    await write({ "dns/hosts": "a" });
    expect(readdirSync(join(root, "nodes"))).toEqual(["node01"]);
    expect(readdirSync(join(root, "nodes/node01"))).toEqual(["local.nix"]);
  });

  it("keeps an edit that happens between the look and the write", async () => {
    await write({ "dns/hosts": "a", other: "1" });
    const { failed } = await write({ "dns/hosts": "b", other: "2" }, () =>
      writeFileSync(join(root, "dns/hosts"), "edited"),
    );
    expect(failed).toEqual([
      { path: "dns/hosts", why: "it has changed while this command ran: run it again" },
    ]);
    expect([text("dns/hosts"), text("other")]).toEqual(["edited", "2"]);
    expect(planned(open(), { "dns/hosts": "b", other: "2" })[0]?.kind).toBe("edited");
  });

  it("does not take a file for its own that came into being after the look", async () => {
    const { failed } = await write({ "dns/hosts": "a" }, () => {
      mkdirSync(join(root, "dns"), { recursive: true });
      writeFileSync(join(root, "dns/hosts"), "theirs");
    });
    expect(failed).toHaveLength(1);
    expect(text("dns/hosts")).toBe("theirs");
  });

  it("stops when somebody else generates into it at the same time", async () => {
    const tree = open();
    const actions = planned(tree, { "dns/hosts": "a" });
    await write({ other: "1" });
    expect(await writeTree(tree, actions)).toMatchObject({
      fault: expect.stringContaining("somebody else generates into the same tree"),
    });
    expect(existsSync(join(root, "dns"))).toBe(false);
  });
});

describe("what is no plain file in a tree", () => {
  it.each<[string, () => void, string]>([
    [
      "a link in place of a file",
      () => {
        mkdirSync(join(root, "dns"), { recursive: true });
        symlinkSync(join(outside, "hosts"), join(root, "dns/hosts"));
      },
      "dns/hosts is a link, and links are not followed",
    ],
    [
      "a link that leads nowhere",
      () => {
        mkdirSync(join(root, "dns"), { recursive: true });
        symlinkSync(join(outside, "nothing"), join(root, "dns/hosts"));
      },
      "dns/hosts is a link, and links are not followed",
    ],
    [
      "a link in place of a folder",
      () => {
        mkdirSync(root);
        symlinkSync(outside, join(root, "dns"));
      },
      "dns is a link, and links are not followed",
    ],
    [
      "a folder in place of a file",
      () => mkdirSync(join(root, "dns/hosts"), { recursive: true }),
      "dns/hosts is no regular file",
    ],
    [
      "a file in place of a folder",
      () => {
        mkdirSync(root);
        writeFileSync(join(root, "dns"), "");
      },
      "dns is no folder",
    ],
    [
      "a file too large to be read",
      () => {
        mkdirSync(join(root, "dns"), { recursive: true });
        writeFileSync(join(root, "dns/hosts"), Buffer.alloc(16 * 1024 * 1024 + 1));
      },
      "dns/hosts is larger than 16 MiB",
    ],
  ])("%s is neither followed nor replaced", async (_what, prepare, why) => {
    prepare();
    expect(await write({ "dns/hosts": "a", other: "1" })).toMatchObject({
      failed: [{ path: "dns/hosts", why }],
      done: [{ path: "other" }],
    });
    expect([...open().manifest.keys()]).toEqual(["other"]);
    expect(readFileSync(join(outside, "hosts"), "utf8")).toBe("theirs");
    expect(readdirSync(outside)).toEqual(["hosts"]);
  });

  it("a link that appears after the look is not written through", async () => {
    mkdirSync(root);
    const { failed } = await write({ "dns/hosts": "a" }, () =>
      symlinkSync(outside, join(root, "dns")),
    );
    expect(failed).toEqual([
      { path: "dns/hosts", why: "dns is a link, and links are not followed" },
    ]);
    expect(readFileSync(join(outside, "hosts"), "utf8")).toBe("theirs");
  });

  it("a link to the tree itself is the operator's own choice", async () => {
    mkdirSync(root);
    const link = join(root, "../link");
    symlinkSync(root, link);
    expect(openTree(link)).toMatchObject({ root });
  });
});

describe("a tree that can't be used", () => {
  it("is a file", () => {
    writeFileSync(root, "");
    expect(openTree(root)).toMatchObject({ fault: `${root} is no folder` });
  });

  it.each([
    ["is broken", (file: string) => writeFileSync(file, "{"), "it is not JSON"],
    ["is a link", (file: string) => symlinkSync("/dev/null", file), `${manifestName} is a link`],
    ["is a folder", (file: string) => mkdirSync(file), `${manifestName} is no regular file`],
  ])("has a manifest that %s", (_what, spoil, why) => {
    mkdirSync(root);
    spoil(join(root, manifestName));
    expect(openTree(root)).toMatchObject({
      fault: expect.stringContaining(why),
      next: expect.stringContaining("delete it"),
    });
  });
});
