import { expect, test } from "vitest";
import { certificateLine, checkCertificates } from "../../src/verify/certificates.ts";
import type { Shown } from "../../src/verify/probes.ts";
import {
  dayMs,
  goodCertificate,
  never,
  nodeOf,
  nowMs,
  probes,
  scope,
  shown,
  site,
} from "./fake-probes.ts";

const node = nodeOf(site(), "node01");

test.each<[string, object, string]>([
  ["is in order", {}, "ok ends 2026-07-20, in 200 days; of the cluster CA, for node01.example.com"],
  ["ends in 29 days", { notAfterMs: nowMs + 29.5 * dayMs }, "warning ends 2026-01-30, in 29 days"],
  [
    "ends in 30 days",
    { notAfterMs: nowMs + 30 * dayMs },
    "ok ends 2026-01-31, in 30 days; of the cluster CA, for node01.example.com",
  ],
  ["has ended", { notAfterMs: nowMs }, "error ended 2026-01-01"],
  ["begins tomorrow", { notBeforeMs: nowMs + dayMs }, "error is not valid before 2026-01-02"],
  [
    "has another CA",
    { chainFault: "SELF_SIGNED_CERT_IN_CHAIN" },
    "error does not chain to the cluster CA (SELF_SIGNED_CERT_IN_CHAIN)",
  ],
  [
    "has another name",
    { namesNode: false, names: "DNS:old.example.com" },
    "error is for DNS:old.example.com, and not for node01.example.com",
  ],
  [
    "has no name",
    { namesNode: false, names: "" },
    "error is for no name, and not for node01.example.com",
  ],
  [
    "is an earlier one",
    { fingerprint: "bb" },
    "warning ends 2026-07-20, in 200 days, and is not the one issued last",
  ],
])("a certificate that %s is told: %s", (_, change, expected) => {
  const place = { node, service: "chainfire", port: 2379 } as const;
  const line = certificateLine(place, { ...goodCertificate, ...change } as Shown, "aa", nowMs);
  expect(`${line.level} ${line.detail}`).toBe(expected);
  expect(line.title).toBe("node01 chainfire 2379");
  expect(line.next === undefined).toBe(line.level === "ok");
});

test("a node that got its certificate elsewhere is not compared with what was issued", () => {
  const place = { node, service: "chainfire", port: 2379 } as const;
  expect(certificateLine(place, goodCertificate, undefined, nowMs).level).toBe("ok");
});

test("each TLS port of each node is looked at; a kubelet has a CA of its own", async () => {
  const asked: string[] = [];
  const handshake = async ({ name }: { name: string }, port: number) => {
    asked.push(`${name} ${port}`);
    return { kind: "silent", why: "10.0.200.10:853 hung up" } as const;
  };
  const at = scope(site(["chainfire", "flashdns", "k8shost"]));
  const lines = await checkCertificates(at, probes({ handshake }), never);
  expect(asked.filter((one) => one.startsWith("node01"))).toEqual(["node01 2379", "node01 853"]);
  expect(shown(lines)[1]).toBe("error node01 flashdns 853: 10.0.200.10:853 hung up");
});
