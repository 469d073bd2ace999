import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterAll, describe, expect, test } from "vitest";
import { loadOrCreateCa } from "../../src/pki/ca.ts";
import { pkiFindings } from "../../src/pki/findings.ts";
import { issueNodeCertificate } from "../../src/pki/issue.ts";
import { openssl, opensslFails } from "./openssl.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-ca-"));
const nowMs = Date.now();
const settings = { commonName: "PlasmaCloud CA", key: "ec", caDays: 3650, nowMs } as const;
const node01 = {
  name: "node01",
  fqdn: "node01.example.com",
  addresses: ["10.0.200.10", "10.0.100.50"],
  key: "ec",
  days: 365,
  nowMs,
} as const;
let count = 0;
function fresh(): string {
  count += 1;
  return join(root, `site${count}`, "ca");
}

afterAll(() => rmSync(root, { recursive: true }));

async function issued() {
  const directory = fresh();
  const ca = await loadOrCreateCa(directory, settings);
  const leaf = await issueNodeCertificate(ca, node01);
  const file = join(directory, "..", "leaf.pem");
  writeFileSync(file, leaf.certPem);
  return { directory, ca, leaf, file, caFile: join(directory, "ca-cert.pem") };
}

describe("a certificate it issues", () => {
  test("passes openssl's strict check for both purposes and every name", async () => {
    const { file, caFile } = await issued();
    for (const purpose of ["sslserver", "sslclient"])
      for (const name of [
        ["-verify_hostname", "node01.example.com"],
        ["-verify_hostname", "node01"],
        ["-verify_hostname", "localhost"],
        ["-verify_ip", "10.0.200.10"],
        ["-verify_ip", "10.0.100.50"],
        ["-verify_ip", "127.0.0.1"],
      ])
        openssl("verify", "-x509_strict", "-CAfile", caFile, "-purpose", purpose, ...name, file);
  });

  test("names the node, lasts 365 days and is backdated by an hour", async () => {
    const { file } = await issued();
    const text = openssl("x509", "-in", file, "-noout", "-subject", "-startdate", "-enddate");
    expect(text).toContain("CN = node01.example.com");
    const [from, to] = ["notBefore", "notAfter"].map((key) =>
      Date.parse(new RegExp(`${key}=(.*)`).exec(text)?.[1] ?? ""),
    );
    expect(Math.abs((from ?? 0) - (nowMs - 3_600_000))).toBeLessThan(1000);
    expect(Math.abs((to ?? 0) - (nowMs + 365 * 86_400_000))).toBeLessThan(1000);
  });
});

describe("the names of a certificate", () => {
  test("answer openssl, addresses too, and no other does", async () => {
    const { file } = await issued();
    const says = (...check: string[]) => openssl("x509", "-in", file, "-noout", ...check);
    for (const host of ["node01.example.com", "node01", "localhost"])
      expect(says("-checkhost", host)).toContain("does match certificate");
    for (const address of ["10.0.200.10", "10.0.100.50", "127.0.0.1"])
      expect(says("-checkip", address)).toContain("does match certificate");
    expect(says("-checkhost", "node02.example.com")).toContain("does NOT match");
    expect(says("-checkip", "10.0.200.11")).toContain("does NOT match");
  });

  test("have a serial number and a fingerprint as openssl reads them", async () => {
    const { file, leaf } = await issued();
    const text = openssl("x509", "-in", file, "-noout", "-serial", "-fingerprint", "-sha256");
    expect(text.toLowerCase()).toContain(`serial=${leaf.serial}`);
    expect(text.replaceAll(":", "").toLowerCase()).toContain(leaf.fingerprint);
  });

  test("have the short one as the common name where the full one is longer than 64 characters", async () => {
    const { ca, caFile } = await issued();
    const fqdn = `node01.${"a".repeat(60)}.example.com`;
    const long = await issueNodeCertificate(ca, { ...node01, fqdn });
    const file = join(root, "long.pem");
    writeFileSync(file, long.certPem);
    expect(openssl("x509", "-in", file, "-noout", "-subject")).toContain("CN = node01\n");
    openssl("verify", "-x509_strict", "-CAfile", caFile, "-verify_hostname", fqdn, file);
  });
});

describe("a certificate", () => {
  test("does not outlive its CA", async () => {
    const { ca } = await issued();
    const late = await issueNodeCertificate(ca, { ...node01, nowMs: nowMs + 3600 * 86_400_000 });
    const file = join(root, "late.pem");
    writeFileSync(file, late.certPem);
    const end = /notAfter=(.*)/.exec(openssl("x509", "-in", file, "-noout", "-enddate"))?.[1];
    expect(Date.parse(end ?? "")).toBe(ca.certificate.notAfter.getTime());
  });

  test("carries mutual TLS between two nodes", async () => {
    const { ca, leaf } = await issued();
    const tls = { key: leaf.keyPem, cert: leaf.certPem, ca: ca.certPem };
    const server = createServer(
      { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" },
      (socket) => socket.end("hello"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ ...tls, host: "127.0.0.1", port, servername: "node01.example.com" });
    const [data] = (await once(client, "data")) as [Buffer];
    expect(data.toString()).toBe("hello");
    expect(client.authorized).toBe(true);
    client.destroy();
    server.close();
  });

  test("is refused under another site's CA", async () => {
    const { file } = await issued();
    const other = await issued();
    expect(opensslFails("verify", "-CAfile", other.caFile, file)).toContain("verification failed");
  });
});

describe("the CA on disk", () => {
  test("is made once, for its owner only, and read again as it is", async () => {
    const { directory, ca } = await issued();
    expect(readdirSync(directory).sort()).toEqual(["ca-cert.pem", "ca-key.pem"]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory))
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    const again = await loadOrCreateCa(directory, { ...settings, commonName: "Other" });
    expect(again.certPem).toBe(ca.certPem);
  });

  test("lasts 3650 days under the given name", async () => {
    const { ca, caFile } = await issued();
    expect(openssl("x509", "-in", caFile, "-noout", "-subject")).toContain("CN = PlasmaCloud CA");
    const days = (ca.certificate.notAfter.getTime() - nowMs) / 86_400_000;
    expect(Math.round(days)).toBe(3650);
  });

  test("is one CA when two callers make it at the same time", async () => {
    const directory = fresh();
    const both = await Promise.all([
      loadOrCreateCa(directory, settings),
      loadOrCreateCa(directory, settings),
    ]);
    expect(both[0].certPem).toBe(both[1].certPem);
    expect(readdirSync(join(directory, ".."))).toEqual(["ca"]);
  });

  test("is made in a directory that exists and is empty", async () => {
    const directory = fresh();
    mkdirSync(directory, { recursive: true });
    await loadOrCreateCa(directory, settings);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  const damages: [string, (directory: string) => Promise<void> | void, string][] = [
    ["without its key", (d) => rmSync(join(d, "ca-key.pem")), "ENOENT"],
    ["without its certificate", (d) => rmSync(join(d, "ca-cert.pem")), "ENOENT"],
    ["with a truncated certificate", (d) => truncate(join(d, "ca-cert.pem")), "damaged"],
    ["with a truncated key", (d) => truncate(join(d, "ca-key.pem")), "damaged"],
    ["with the key of another CA", swapKey, "ca-key.pem is not the key of ca-cert.pem"],
    ["that is no CA", swapLeaf, "is not a CA certificate"],
  ];

  test.each(damages)("%s is refused and left alone", async (_, damage, why) => {
    const { directory } = await issued();
    await damage(directory);
    const before = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
    const loading = loadOrCreateCa(directory, settings);
    await expect(loading).rejects.toThrow(why);
    await expect(loading).rejects.toThrow("restore ca-cert.pem and ca-key.pem from the backup");
    const after = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
    expect(after).toEqual(before);
  });

  test.each([
    ["expired", nowMs + 3651 * 86_400_000],
    ["not valid yet", nowMs - 2 * 86_400_000],
  ])(
    "%s by this server's clock keeps no machine from its boot, and signs nothing",
    async (_, clock) => {
      const { directory } = await issued();
      const ca = await loadOrCreateCa(directory, { ...settings, nowMs: clock });
      const request = { name: "node01", fqdn: "node01.example.com", addresses: [], days: 30 };
      const signing = issueNodeCertificate(ca, { ...request, key: "ec", nowMs: clock });
      await expect(signing).rejects.toThrow(
        /is valid from \S+ to \S+, and this server's clock says/,
      );
      await expect(signing).rejects.toThrow("rackstrap certs rotate --ca --execute");
      const [, dates] = pkiFindings(ca, [], [], clock);
      expect(dates).toMatchObject({ level: "error" });
    },
  );
});

function truncate(file: string) {
  writeFileSync(file, readFileSync(file, "utf8").slice(0, 90));
}

async function swapKey(directory: string) {
  const other = await issued();
  writeFileSync(join(directory, "ca-key.pem"), readFileSync(join(other.directory, "ca-key.pem")));
}

async function swapLeaf(directory: string) {
  const { leaf } = await issued();
  writeFileSync(join(directory, "ca-cert.pem"), leaf.certPem);
  writeFileSync(join(directory, "ca-key.pem"), leaf.keyPem);
}
