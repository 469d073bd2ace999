import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { openConsoleFile, readConsoleLog } from "../../src/operations/console-file.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const never = () => expect.unreachable();

test("keeps what was printed in order, for its owner alone", async () => {
  const directory = join(temporaryDirectory(), "consoles/node01");
  const file = openConsoleFile(directory, "op-1", never);
  for (let line = 0; line < 100; line += 1) file.write(Buffer.from(`${line}\n`));
  await file.close();
  const path = join(directory, "op-1.log");
  expect(readFileSync(path, "utf8").split("\n")).toHaveLength(101);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  // After a restart of the server it goes on.
  const again = openConsoleFile(directory, "op-1", never);
  again.write(Buffer.from("after"));
  await again.close();
  expect((await readConsoleLog(directory))?.printed.toString()).toMatch(/^0\n[\s\S]*99\nafter$/);
});

test("keeps the last two halves of its size", async () => {
  const directory = temporaryDirectory();
  const file = openConsoleFile(directory, "op-1", never, 1000);
  for (let line = 0; line < 50; line += 1) {
    file.write(Buffer.from(`${line}`.padStart(99, "0").concat("\n")));
    await file.close();
  }
  expect(statSync(join(directory, "op-1.log")).size).toBeLessThanOrEqual(1000);
  expect(statSync(join(directory, "op-1.log.1")).size).toBe(1000);
  const log = (await readConsoleLog(directory))?.printed.toString() ?? "";
  const lines = log.trim().split("\n").map(Number);
  expect(lines).toEqual(Array.from({ length: 20 }, (_, line) => 30 + line));
});

test("keeps the newest five operations of a node, and reads the newest", async () => {
  const directory = temporaryDirectory();
  for (let operation = 0; operation < 8; operation += 1) {
    const path = join(directory, `old-${operation}.log`);
    writeFileSync(path, `${operation}`);
    utimesSync(path, operation, operation);
  }
  const file = openConsoleFile(directory, "new", never);
  file.write(Buffer.from("x"));
  await file.close();
  expect(readdirSync(directory).toSorted()).toEqual([
    "new.log",
    "old-4.log",
    "old-5.log",
    "old-6.log",
    "old-7.log",
  ]);
  expect(await readConsoleLog(directory)).toMatchObject({ operation: "new" });
  expect(await readConsoleLog(join(directory, "none"))).toBeUndefined();
});

test("a disk that can't be written is told once, and costs nothing but the text", async () => {
  const blocked = join(temporaryDirectory(), "file");
  writeFileSync(blocked, "");
  const onFault = vi.fn();
  const file = openConsoleFile(join(blocked, "consoles"), "op-1", onFault);
  for (let time = 0; time < 3; time += 1) {
    file.write(Buffer.from("x"));
    await file.close();
  }
  expect(onFault.mock.calls).toEqual([
    [expect.stringMatching(/op-1\.log can't be written: ENOTDIR/)],
  ]);
});
