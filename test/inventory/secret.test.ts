import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, expect, test } from "vitest";
import { commandMemoryMs, createSecretReader, readSecret } from "../../src/inventory/secret.ts";
import { runSecretCommand } from "../../src/inventory/secret-command.ts";

const folder = mkdtempSync(join(tmpdir(), "rackstrap-secret-"));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, content: string): { file: string } {
  const file = join(folder, name);
  writeFileSync(file, content, { mode: 0o600 });
  return { file };
}

const path = { PATH: process.env["PATH"] ?? "" };
const shell = (script: string) => ({ cmd: ["sh", "-c", script], directory: folder });

test("a secret comes from the environment given", async () => {
  const secret = await readSecret({ env: "BMC_PASSWORD" }, { BMC_PASSWORD: "hunter2 " });
  expect(secret.reveal()).toBe("hunter2 ");
});

const endings = [
  ["no line end", "hunter2", "hunter2"],
  ["a line feed", "hunter2\n", "hunter2"],
  ["a carriage return and line feed", "hunter2\r\n", "hunter2"],
  ["white space that belongs to it", " hunter2 \n", " hunter2 "],
  ["a second line feed, which belongs to it", "hunter2\n\n", "hunter2\n"],
] as const;

test.each(endings)("a secret file may end with %s", async (name, content, secret) => {
  expect((await readSecret(written(name, content), {})).reveal()).toBe(secret);
});

test.each(endings)("what a program prints may end with %s", async (name, content, secret) => {
  const { file } = written(name, content);
  expect((await readSecret({ cmd: ["cat", file] }, path)).reveal()).toBe(secret);
});

test.each([{}, { BMC_PASSWORD: undefined }, { BMC_PASSWORD: "" }])(
  "a variable that is not set or empty (%o) is named with the remedy",
  async (environment) => {
    await expect(readSecret({ env: "BMC_PASSWORD" }, environment)).rejects.toThrow(
      "the environment variable BMC_PASSWORD is not set: set it for the server and start again",
    );
  },
);

test.each(["", "\n", "\r\n"])(
  "a secret file that holds only %j is named with the remedy",
  async (content) => {
    const reference = written("empty", content);
    await expect(readSecret(reference, {})).rejects.toThrow(
      `the secret file ${reference.file} is empty: write the password into it`,
    );
  },
);

test("a missing secret file is named with the remedy, and the cause is kept", async () => {
  const file = join(folder, "missing");
  const read = readSecret({ file }, {});
  await expect(read).rejects.toThrow(
    `the secret file ${file} can't be read: create it with mode 0600`,
  );
  await expect(read).rejects.toMatchObject({ cause: { code: "ENOENT" } });
});

test("a program is started without a shell, in the inventory's folder, with the server's environment and an empty standard input", async () => {
  written("here", "in the folder");
  const read = async (...cmd: string[]) =>
    (await readSecret({ cmd, directory: folder }, { ...path, KEY: "of the server" })).reveal();
  expect(await read("printf", "%s", "$KEY; `id`")).toBe("$KEY; `id`");
  expect(await read("sh", "-c", 'echo "$KEY"; cat here; wc -c')).toBe(
    "of the server\nin the folder0",
  );
});

test.each([
  ["prints nothing", "true", "printed nothing"],
  ["prints a line end only", "echo", "printed nothing"],
  ["fails", "echo hunter2; echo hunter2 >&2; exit 7", "failed with exit code 7"],
  ["is killed", "kill -TERM $$", "failed with SIGTERM"],
  ["prints too much", "yes hunter2", "printed more than 65536 bytes"],
])(
  "a program that %s is named with how it ended and the remedy, and quotes nothing",
  async (_, script, how) => {
    const failure = await readSecret(shell(script), path).catch((error: unknown) => error);
    expect((failure as Error).message).toBe(
      `the program sh, which is to print a secret, ${how}: run it by hand in ${folder} as the server's user and see what it says`,
    );
    expect(inspect(failure)).not.toContain("hunter2");
  },
);

test("a program that does not exist is named", async () => {
  await expect(readSecret({ cmd: ["no-such-program", "-d"] }, path)).rejects.toThrow(
    "the program no-such-program, which is to print a secret, could not be started (ENOENT): run it by hand as",
  );
});

test("a program that hangs is ended together with its children", async () => {
  const script = "sleep 60 & echo $! > child; wait";
  const limits = { timeoutMs: 300, maxBytes: 10 };
  expect(await runSecretCommand(["sh", "-c", script], folder, path, limits)).toEqual({
    kind: "timed-out",
  });
  const child = readFileSync(join(folder, "child"), "utf8").trim();
  await expect.poll(() => isRunning(child)).toBe(false);
});

function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("a program's answer serves all who ask within a minute; a file is read each time, and a failure is not remembered", async () => {
  let now = 0;
  const read = createSecretReader(path, () => now);
  const value = async (reference: Parameters<typeof read>[0]) => (await read(reference)).reveal();
  const counting = shell("echo run >> runs; wc -l < runs");
  expect(await Promise.all([value(counting), value(counting)])).toEqual(["1", "1"]);
  now = commandMemoryMs - 1;
  expect(await value(counting)).toBe("1");
  now = commandMemoryMs;
  expect(await value(counting)).toBe("2");

  const file = written("changing", "before");
  expect(await value(file)).toBe("before");
  written("changing", "after");
  expect(await value(file)).toBe("after");

  const failing = shell("cat not-yet");
  await expect(read(failing)).rejects.toThrow("failed with exit code 1");
  written("not-yet", "there");
  expect(await value(failing)).toBe("there");
});

test("a secret doesn't show itself when it is printed, inspected or serialised", async () => {
  const secret = await readSecret({ env: "A" }, { A: "hunter2" });
  expect([`${secret}`, inspect(secret), inspect({ secret }), JSON.stringify({ secret })]).toEqual([
    "***",
    "***",
    "{ secret: *** }",
    '{"secret":"***"}',
  ]);
});
