import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createServedScripts } from "../../src/serve/served-scripts.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-served-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function servedIn(folder: string) {
  const failures: string[] = [];
  const onFailure = (node: string, error: unknown) => void failures.push(`${node}: ${error}`);
  const served = createServedScripts(join(directory, folder), { now: () => 5_000, onFailure });
  return { served, failures };
}

const fileOf = (node: string) => join(directory, "served", `${node}.boot`);

test("the script a node was given last is found after a restart, for its stage, by its owner alone", async () => {
  const { served, failures } = servedIn("served");
  expect(served.find("node01", "boot")).toBeUndefined();
  served.keep("node01", "boot", "#!ipxe\nfirst\n");
  served.keep("node01", "boot", "#!ipxe\nlast\n");
  await served.close();
  const { mtimeMs, mode } = statSync(fileOf("node01"));
  const again = servedIn("served").served;
  expect(again.find("node01", "boot")).toEqual({ text: "#!ipxe\nlast\n", atMs: mtimeMs });
  expect(again.find("node01", "grub")).toBeUndefined();
  expect((mode & 0o777).toString(8)).toBe("600");
  expect(failures).toEqual([]);
});

test("no machine waits for the disk, and what is not on it yet is found all the same", async () => {
  const { served } = servedIn("served");
  served.keep("node01", "boot", "#!ipxe\nfirst\n");
  expect(statSync(fileOf("node01"), { throwIfNoEntry: false })).toBeUndefined();
  expect(served.find("node01", "boot")).toEqual({ text: "#!ipxe\nfirst\n", atMs: 5_000 });
  await served.close();
  expect(readFileSync(fileOf("node01"), "utf8")).toBe("#!ipxe\nfirst\n");
});

test("what is given while files are written is written too, each node's last alone", async () => {
  const { served } = servedIn("served");
  const names = Array.from({ length: 20 }, (_, i) => `node${i}`);
  for (const name of names) served.keep(name, "boot", "first\n");
  const closed = served.close();
  await Promise.resolve();
  served.keep("node0", "boot", "second\n");
  served.keep("node19", "boot", "second\n");
  served.keep("node19", "boot", "third\n");
  await closed;
  const texts = names.map((name) => readFileSync(fileOf(name), "utf8"));
  expect(texts).toEqual(["second\n", ...Array<string>(18).fill("first\n"), "third\n"]);
  await served.close();
});

test("it is on the disk some seconds after it was given", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    const { served } = servedIn("served");
    served.keep("node01", "boot", "#!ipxe\n");
    await vi.advanceTimersByTimeAsync(2_999);
    expect(statSync(fileOf("node01"), { throwIfNoEntry: false })).toBeUndefined();
    served.keep("node02", "boot", "#!ipxe\n");
    await vi.advanceTimersByTimeAsync(1);
  } finally {
    vi.useRealTimers();
  }
  await vi.waitUntil(() => statSync(fileOf("node02"), { throwIfNoEntry: false }));
  expect(readFileSync(fileOf("node01"), "utf8")).toBe("#!ipxe\n");
});

test("a disk that can't be written is told with the node, and the next script is tried again", async () => {
  const { served, failures } = servedIn("served");
  rmSync(join(directory, "served"), { recursive: true });
  writeFileSync(join(directory, "served"), "in the way");
  served.keep("node01", "boot", "#!ipxe\n");
  await served.close();
  expect(failures).toEqual([expect.stringMatching(/^node01: .*ENOTDIR/)]);
  rmSync(join(directory, "served"));
  const again = servedIn("served");
  served.keep("node01", "boot", "#!ipxe\nagain\n");
  await served.close();
  expect(again.served.find("node01", "boot")?.text).toBe("#!ipxe\nagain\n");
});
