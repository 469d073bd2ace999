import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { createScanner, formsOf, keyCanaries, watchProcesses } from "./secret-scan.ts";

const secret = 'Kanarie-"7/+é-0815';
const scanner = createScanner([{ name: "it", value: secret }]);
const octets = Buffer.from(secret);

test.each<[string, string | Buffer]>([
  ["as it is", Buffer.concat([Buffer.from("a"), octets, Buffer.from("b")])],
  ["in hexadecimal", `x${octets.toString("hex")}x`],
  ["in capital hexadecimal", octets.toString("hex").toUpperCase()],
  ["in base64", octets.toString("base64")],
  ["in base64 after one octet", Buffer.from(`:${secret}:`).toString("base64")],
  ["in base64 after a user's name", Buffer.from(`admin:${secret}`).toString("base64")],
  ["in base64url", Buffer.from(`ab${secret}`).toString("base64url")],
  ["in JSON", Buffer.from(JSON.stringify({ secret: octets.toString("latin1") }), "latin1")],
  ["in a URL", `?p=${encodeURIComponent(octets.toString("latin1"))}`],
])("a secret is seen %s", (_, content) => {
  expect(scanner.find(content)).toEqual(["it"]);
});

test("what is no secret is not taken for one", () => {
  expect(scanner.find(`Kanarie ${"0123456789abcdef".repeat(10)}`)).toEqual([]);
  expect(formsOf(octets).every((form) => form.length >= 8)).toBe(true);
});

test("a key is seen by any line of it, and by its private number", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const keys = createScanner(keyCanaries("key", pem));
  expect(keys.find(pem.split("\n")[2] ?? "")).toEqual(["key, line 2"]);
  const der = privateKey.export({ type: "sec1", format: "der" });
  expect(keys.find(der)).toContain("key, number");
  expect(keys.find(der.toString("hex"))).toContain("key, number");
});

test("arguments and environments of processes are seen, also of one that is gone by the time of the search", async () => {
  const stop = new AbortController();
  const watching = watchProcesses(stop.signal);
  const env = { PATH: process.env["PATH"] ?? "", CANARY: secret };
  const child = spawn("sleep", ["0.3"], { env });
  const argument = spawn("sh", ["-c", "sleep 0.3", secret]);
  await Promise.all([child, argument].map((each) => new Promise((end) => each.once("exit", end))));
  stop.abort();
  const { seen } = await watching;
  const holding = seen.filter(({ content }) => scanner.find(content).length > 0);
  expect(holding.map(({ where, pid }) => [where, pid])).toEqual(
    expect.arrayContaining([
      ["environ", child.pid],
      ["cmdline", argument.pid],
    ]),
  );
});
