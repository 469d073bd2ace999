import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PlacedFile } from "../../src/install/extra-files.ts";
import { inspection, judgeFiles } from "../../src/install/verify-files.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-verify-"));
afterAll(() => rmSync(root, { recursive: true }));

const owner = `${process.getuid?.()}:${process.getgid?.()}`;
const sums: Record<string, string> = {};

function place(name: string, content: string, mode: number): string {
  const path = join(root, name);
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
  sums[name] = createHash("sha256").update(content).digest("hex");
  return path;
}

const wanted = (name: string, mode: string, over: Partial<PlacedFile> = {}): PlacedFile => ({
  ...{ path: join(root, name), mode, owner, sha256: sums[name], ...over },
});

beforeAll(() => {
  chmodSync(root, 0o755);
  place("cert.pem", "CERT\n", 0o644);
  place("key.pem", "KEY\n", 0o600);
  place("locked.pem", "KEY\n", 0o400);
  place("open.pem", "KEY\n", 0o644);
  place("it's here", "odd\n", 0o600);
  place("empty", "", 0o644);
  symlinkSync("key.pem", join(root, "link.pem"));
});

describe.each(["sh", "busybox sh"])("looked at by %s", (shell) => {
  const look = (...files: PlacedFile[]) => {
    const [program = "", ...args] = shell.split(" ");
    const { stdout, status } = spawnSync(program, [...args, "-c", inspection(files)], {
      encoding: "utf8",
    });
    expect(status).toBe(0);
    return judgeFiles(files, stdout);
  };

  test("files and directories that are as they were given have no fault", () => {
    expect(
      look(
        { path: root, mode: "755", owner, sha256: undefined },
        wanted("cert.pem", "644"),
        wanted("key.pem", "600"),
        wanted("locked.pem", "600"),
        wanted("it's here", "600"),
        wanted("empty", "644"),
      ),
    ).toEqual([]);
  });

  test.each<[string, () => PlacedFile, RegExp]>([
    ["missing", () => wanted("none.pem", "600"), /none\.pem is not there \(stat: .*No such file/],
    [
      "a link",
      () => wanted("link.pem", "600", { sha256: sums["key.pem"] }),
      /link\.pem is a symbolic link in place of a reg/,
    ],
    ["a file", () => wanted("key.pem", "755", { sha256: undefined }), /in place of a directory/],
    [
      "open to others",
      () => wanted("open.pem", "600"),
      /open\.pem has mode 0644 in place of 0600: chmod 600 \/\S+open\.pem/,
    ],
    [
      "somebody else's",
      () => wanted("key.pem", "600", { owner: "400:400" }),
      /key\.pem belongs to \d+:\d+ in place of 400:400: chown 400:400 \/\S+key\.pem/,
    ],
    [
      "another's content",
      () => wanted("key.pem", "600", { sha256: sums["cert.pem"] }),
      /key\.pem holds something else than was issued for this node/,
    ],
  ])("%s is told with its path and the remedy", (_, file, problem) => {
    const problems = look(wanted("cert.pem", "644"), file());
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
    expect(problems[0]).toMatch(/(chmod|chown|provision the node again)/);
  });
});

test.each(["", "no such thing\n", "=== rackstrap\ndirectory|755|0:0\n"])(
  "an answer that is not whole (%j) proves nothing",
  (report) => {
    expect(judgeFiles([wanted("key.pem", "600")], report)).toEqual([
      expect.stringMatching(/^the node told of 0 of 1 files/),
    ]);
  },
);

test("what a node says is made safe to print, and cut", () => {
  const evil = `\x1b]0;evil\x07${"x".repeat(500)}`;
  const marker = "=== rackstrap\n";
  const [problem = ""] = judgeFiles([wanted("key.pem", "600")], `${marker}${evil}\n${marker}`);
  expect(problem).not.toMatch(/[^\x20-\x7e]/);
  expect(problem.length).toBeLessThan(400);
});
