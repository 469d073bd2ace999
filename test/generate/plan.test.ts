import { describe, expect, it, test } from "vitest";
import { entryOf, manifestName, sha256 } from "../../src/generate/manifest.ts";
import { type Action, type OnDisk, plan } from "../../src/generate/plan.ts";

const path = "dns/hosts";

function onDisk(text: string): OnDisk {
  return { kind: "file", text, sha256: sha256(text) };
}

interface Case {
  readonly wanted?: string;
  readonly written?: string;
  readonly disk?: OnDisk;
  readonly force?: boolean;
  readonly complete?: boolean;
}

function actionsFor({ wanted, written, disk, force, complete = true }: Case): readonly Action[] {
  return plan({
    files: wanted === undefined ? [] : [{ path, text: wanted, by: "hosts" }],
    complete: new Set(complete ? ["hosts"] : []),
    manifest: new Map(written === undefined ? [] : [[path, entryOf("hosts", written)]]),
    disk: new Map(disk === undefined ? [] : [[path, disk]]),
    forced: new Set(force === true ? [path] : []),
  });
}

describe("a file that is generated", () => {
  it.each<[string, Case, Action["kind"], object]>([
    ["is new where nothing is", { wanted: "a" }, "create", { text: "a" }],
    ["is made again where it was deleted", { wanted: "a", written: "a" }, "create", { text: "a" }],
    ["is kept as it is", { wanted: "a", written: "a", disk: onDisk("a") }, "keep", {}],
    ["is taken over where it is there already", { wanted: "a", disk: onDisk("a") }, "keep", {}],
    [
      "is changed where nobody edited it",
      { wanted: "b", written: "a", disk: onDisk("a") },
      "update",
      { text: "b" },
    ],
    [
      "is left alone where it was edited",
      { wanted: "b", written: "a", disk: onDisk("x") },
      "edited",
      { foreign: false, written: "a", text: "b" },
    ],
    [
      "is left alone where the edit is all that changed",
      { wanted: "a", written: "a", disk: onDisk("x") },
      "edited",
      { written: "a", text: "a" },
    ],
    [
      "is left alone where somebody else wrote it",
      { wanted: "b", disk: onDisk("x") },
      "edited",
      { foreign: true, written: undefined },
    ],
    [
      "is its own again where the edit is what is generated",
      { wanted: "b", written: "a", disk: onDisk("b") },
      "keep",
      {},
    ],
    [
      "replaces an edit on demand",
      { wanted: "b", written: "a", disk: onDisk("x"), force: true },
      "update",
      { text: "b" },
    ],
    [
      "replaces a foreign file on demand",
      { wanted: "b", disk: onDisk("x"), force: true },
      "update",
      {},
    ],
    [
      "never replaces what is no file",
      { wanted: "b", disk: { kind: "unusable", why: "a link" }, force: true },
      "blocked",
      { why: "a link" },
    ],
  ])("%s", (_what, given, kind, detail) => {
    expect(actionsFor(given)).toMatchObject([{ kind, path, by: "hosts", ...detail }]);
  });
});

describe("a file that is no longer generated", () => {
  it.each<[string, Case, Action["kind"]]>([
    ["is removed where nobody edited it", { written: "a", disk: onDisk("a") }, "remove"],
    ["is forgotten where it is gone", { written: "a" }, "forget"],
    ["is left alone where it was edited", { written: "a", disk: onDisk("x") }, "edited"],
    [
      "is removed with its edit on demand",
      { written: "a", disk: onDisk("x"), force: true },
      "remove",
    ],
    [
      "is left alone where it has become a link",
      { written: "a", disk: { kind: "unusable", why: "a link" } },
      "blocked",
    ],
  ])("%s", (_what, given, kind) => {
    expect(actionsFor(given)).toMatchObject([{ kind, path }]);
  });

  it("is left alone while its generator did not make all its files", () => {
    expect(actionsFor({ written: "a", disk: onDisk("a"), complete: false })).toEqual([]);
  });
});

test.each([
  ["../etc/passwd", "it leads out of the tree"],
  ["/etc/passwd", "a path is made of names"],
  ["dns//hosts", "a path is made of names"],
  ["dns/ho sts", "a path is made of names"],
  ["", "a path is made of names"],
  ["a/".repeat(600), "longer than 1024 characters"],
  [manifestName, "it is the manifest's"],
])("no generator may make %j", (wrong, why) => {
  const facts = { complete: new Set<string>(), manifest: new Map(), disk: new Map() };
  const files = [{ path: wrong, text: "", by: "dns" }];
  expect(() => plan({ ...facts, files, forced: new Set() })).toThrow(why);
});
