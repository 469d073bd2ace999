import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { afterAll, expect, test } from "vitest";
import { loadOrCreateCa } from "../../src/pki/ca.ts";
import { issueNodeCertificate } from "../../src/pki/issue.ts";
import { openssl } from "./openssl.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-rsa-"));
afterAll(() => rmSync(root, { recursive: true }));

test("the runbook's RSA keys of 4096 bits are made without holding up the server, and pass openssl's strict check", {
  timeout: 120_000,
}, async () => {
  const nowMs = Date.now();
  const before = performance.eventLoopUtilization();
  const directory = join(root, "pki");
  const ca = await loadOrCreateCa(directory, {
    ...{ commonName: "PlasmaCloud CA", key: "rsa-4096", caDays: 3650, nowMs },
  });
  const leaf = await issueNodeCertificate(ca, {
    ...{ name: "node01", fqdn: "node01.example.com", addresses: ["10.0.200.10"] },
    ...{ key: "rsa-4096", days: 365, nowMs },
  });
  // Were the keys made on this thread, it would have done nothing else all the while.
  expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
  const file = join(root, "leaf.pem");
  writeFileSync(file, leaf.certPem);
  for (const purpose of ["sslserver", "sslclient"])
    openssl(
      ...["verify", "-x509_strict", "-CAfile", join(directory, "ca-cert.pem")],
      ...["-purpose", purpose, "-verify_hostname", "node01.example.com", file],
    );
  for (const each of [file, join(directory, "ca-cert.pem")]) {
    const text = openssl("x509", "-in", each, "-noout", "-text");
    expect(text).toContain("Public-Key: (4096 bit)");
    expect(text).toContain("sha256WithRSAEncryption");
  }
  expect(ca.about.key).toBe("RSA 4096");
});
