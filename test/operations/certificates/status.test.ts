import { expect, test } from "vitest";
import type { Node } from "../../../src/inventory/schema.ts";
import {
  endProblem,
  type NodeReading,
  nodeProblems,
  type PortReading,
} from "../../../src/operations/certificates/status.ts";
import type { IssuedRecord } from "../../../src/pki/issued.ts";
import type { CertificateReading } from "../../../src/pki/reading.ts";

const nowMs = Date.parse("2026-06-01T00:00:00Z");
const day = 86_400_000;
const limits = { nowMs, withinDays: 30 };
const wanted = ["node01.example.com", "10.0.200.10"];
const sound: CertificateReading = {
  ...{ fingerprint: "aa", serial: "1", notBeforeMs: nowMs - day, notAfterMs: nowMs + 100 * day },
  ...{ names: [...wanted, "localhost"], signer: "signing" },
};
const issued = { fingerprint: "aa", notAfterMs: nowMs + 100 * day } as IssuedRecord;

const shows = (changes: Partial<CertificateReading> = {}, untrusted?: string): PortReading => ({
  ...{ service: "chainfire", port: 2379 },
  answer: { kind: "shown", certificate: { ...sound, ...changes }, untrusted },
});
const silent: PortReading = {
  ...{ service: "flaredb", port: 2479 },
  answer: { kind: "silent", why: "10.0.200.10:2479 can't be asked" },
};
const reading = (changes: Partial<NodeReading> = {}): NodeReading => ({
  ...{ node: { name: "node01" } as Node, wanted, issued, ports: [shows()] },
  ...changes,
});

test.each<[string, Partial<NodeReading>, RegExp[]]>([
  ["the certificate issued last, with all names, for long", {}, []],
  ["nothing, of a node that was never installed", { issued: undefined, ports: [silent] }, []],
  ["nothing", { ports: [silent] }, [/^flaredb \(port 2479\) shows no certificate: 10\.0\.200\.10/]],
  [
    "nothing, and the last one issued has ended",
    { ports: [silent], issued: { ...issued, notAfterMs: nowMs } },
    [/^the last one issued ended 2026-06-01/, /shows no certificate/],
  ],
  [
    "one that ends soon",
    { ports: [shows({ notAfterMs: nowMs + 29 * day })] },
    [/ends .*in 29 days/],
  ],
  ["one with exactly the limit left", { ports: [shows({ notAfterMs: nowMs + 30 * day })] }, []],
  [
    "one that ended",
    { ports: [shows({ notAfterMs: nowMs - 1 }, "CERT_HAS_EXPIRED")] },
    [/ended 2026/],
  ],
  ["one from tomorrow on", { ports: [shows({ notBeforeMs: nowMs + day })] }, [/not valid before/]],
  [
    "one without the node's address",
    { ports: [shows({ names: ["node01.example.com"] })] },
    [/does not name 10\.0\.200\.10$/],
  ],
  [
    "an earlier one",
    { ports: [shows({ fingerprint: "bb" })] },
    [/another certificate than the last/],
  ],
  [
    "one of another CA",
    { ports: [shows({ signer: "other" }, "SELF_SIGNED_CERT_IN_CHAIN")] },
    [/signed by another CA$/],
  ],
  [
    "one that the library alone finds wanting",
    { ports: [shows({}, "ERR_TLS_CERT_ALTNAME_INVALID")] },
    [/is not trusted \(ERR_TLS/],
  ],
  [
    "one that was not issued here",
    { issued: undefined },
    [/^no certificate was issued for it here$/],
  ],
])("a node that shows %s has these problems", (_, changes, expected) => {
  const problems = nodeProblems(reading(changes), { stage: "one" }, limits);
  expect(problems).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

test.each([
  ["begun", 0],
  ["switched", 1],
] as const)(
  "a leaf of the other trusted CA while a rotation has %s counts as %d problems",
  (stage, count) => {
    const ports = [shows({ signer: "also-trusted" })];
    expect(nodeProblems(reading({ ports }), { stage }, limits)).toHaveLength(count);
  },
);

test("with a limit of no days only what has ended is a problem", () => {
  const none = { nowMs, withinDays: 0 };
  expect(endProblem("it", nowMs + 1, none)).toEqual([]);
  expect(endProblem("it", nowMs, none)).toEqual(["it ended 2026-06-01T00:00:00.000Z"]);
});
