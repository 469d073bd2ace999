import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cleanLine, createLogReader } from "../../src/install/log-reader.ts";

const directory = mkdtempSync(join(tmpdir(), "rackstrap-log-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("a log that grows by parts of lines and characters is read as whole lines", async () => {
  const file = join(directory, "parts");
  const reader = createLogReader(file);
  expect((await reader.read()).step).toBeUndefined();
  const bytes = Buffer.from("### Installing NixOS ###\nsetting up grün\r\n");
  for (const byte of bytes) {
    appendFileSync(file, Buffer.of(byte));
    await reader.read();
  }
  const progress = await reader.read();
  expect(progress.step).toBe("install");
  expect(progress.tail).toEqual(["setting up grün"]);
});

test("a line redrawn with carriage returns shows its newest form", async () => {
  const file = join(directory, "redrawn");
  writeFileSync(file, "Writing inode tables: 1/32\rWriting inode tables: 2/32\r");
  expect((await createLogReader(file).read()).lastLine).toBe("Writing inode tables: 2/32");
});

test("a line without an end is not kept in memory beyond a limit, and the next one is read", async () => {
  const file = join(directory, "endless");
  writeFileSync(file, `${"x".repeat(3_000_000)}\n### Done! ###\n`);
  const progress = await createLogReader(file).read();
  expect(progress.step).toBe("done");
  expect(progress.tail[0]).toHaveLength(256);
});

test.each([
  ["\u001b[31mred\u001b[0m", "red"],
  ["\u001b]0;title\u0007text", "text"],
  ["a\u0000b\u0007c", "a b c"],
  ["  padded  ", "padded"],
  ["x".repeat(400), "x".repeat(256)],
])("%j is shown as %j", (line, shown) => expect(cleanLine(line)).toBe(shown));
