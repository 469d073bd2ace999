import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, expect, test } from "vitest";
import { readSecret } from "../../src/inventory/secret.ts";

const folder = mkdtempSync(join(tmpdir(), "rackstrap-secret-"));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, content: string): { file: string } {
  const file = join(folder, name);
  writeFileSync(file, content, { mode: 0o600 });
  return { file };
}

test("a secret comes from the environment given", () => {
  expect(readSecret({ env: "BMC_PASSWORD" }, { BMC_PASSWORD: "hunter2 " }).reveal()).toBe(
    "hunter2 ",
  );
});

test.each([
  ["no line end", "hunter2", "hunter2"],
  ["a line feed", "hunter2\n", "hunter2"],
  ["a carriage return and line feed", "hunter2\r\n", "hunter2"],
  ["white space that belongs to it", " hunter2 \n", " hunter2 "],
  ["a second line feed, which belongs to it", "hunter2\n\n", "hunter2\n"],
])("a secret file may end with %s", (name, content, secret) => {
  expect(readSecret(written(name, content), {}).reveal()).toBe(secret);
});

test.each([{}, { BMC_PASSWORD: undefined }, { BMC_PASSWORD: "" }])(
  "a variable that is not set or empty (%o) is named with the remedy",
  (environment) => {
    expect(() => readSecret({ env: "BMC_PASSWORD" }, environment)).toThrow(
      "the environment variable BMC_PASSWORD is not set: set it for the server and start again",
    );
  },
);

test.each(["", "\n", "\r\n"])(
  "a secret file that holds only %j is named with the remedy",
  (content) => {
    const reference = written("empty", content);
    expect(() => readSecret(reference, {})).toThrow(
      `the secret file ${reference.file} is empty: write the password into it`,
    );
  },
);

test("a missing secret file is named with the remedy, and the cause is kept", () => {
  const file = join(folder, "missing");
  const read = () => readSecret({ file }, {});
  expect(read).toThrow(`the secret file ${file} can't be read: create it with mode 0600`);
  expect(read).toThrow(
    expect.objectContaining({ cause: expect.objectContaining({ code: "ENOENT" }) }),
  );
});

test("a secret doesn't show itself when it is printed, inspected or serialised", () => {
  const secret = readSecret({ env: "A" }, { A: "hunter2" });
  expect([`${secret}`, inspect(secret), inspect({ secret }), JSON.stringify({ secret })]).toEqual([
    "***",
    "***",
    "{ secret: *** }",
    '{"secret":"***"}',
  ]);
});
