import { expect, test } from "vitest";
import { redactLines } from "../../src/diagnose/redact.ts";

test.each([
  ["password=hunter2 for root", "password=*** for root"],
  ['{"password":"hunter2","user":"x"}', '{"password":***,"user":"x"}'],
  ["authorization: Bearer abcdefgh12345678", "authorization: Bearer ***"],
  ["GET https://admin:hunter2@10.0.0.1/x", "GET https://admin:***@10.0.0.1/x"],
  ["api_key: 'a b c' end", "api_key: *** end"],
  ["eyJhbGciOiJIUzI1.eyJzdWIiOiIx.sig seen", "*** seen"],
  ["hash $6$salt$abcdef0123 set", "hash *** set"],
  ["AGE-SECRET-KEY-1QQQ seen", "*** seen"],
  ["key MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7 read", "key *** read"],
])("%s", (line, shown) => {
  expect(redactLines([line])).toEqual([shown]);
});

test.each([
  "/nix/store/0c5ijc0dnw0rv3ximcg9ksyfqlsm5r5w-chainfire-1.0/bin/chainfire-server --config x",
  "listen tcp 0.0.0.0:2379: bind: address already in use",
  `shows another certificate (SHA-256 ${"ab".repeat(32)})`,
])("what is no secret stays: %s", (line) => {
  expect(redactLines([line])).toEqual([line]);
});

test("a PEM block is hidden whole, also one that never ends, or stands in one line", () => {
  const block = ["-----BEGIN RSA PRIVATE KEY-----", "abc", "-----END RSA PRIVATE KEY-----"];
  expect(redactLines(["a", ...block, "b"])).toEqual(["a", "***", "b"]);
  expect(redactLines([`key: ${block.join("\\n")}`, "b"])).toEqual(["key:***", "b"]);
  expect(redactLines(["a", "-----BEGIN PRIVATE KEY-----", "abc", "def"])).toEqual(["a", "***"]);
});

test("no more than twenty lines, the last ones, printable", () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}\u001b[31m\u0007é`);
  const shown = redactLines(lines);
  expect(shown).toHaveLength(20);
  expect(shown.at(-1)).toBe("line 29 ?");
});
