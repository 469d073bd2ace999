import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../src/net/secret.ts";
import { loadAuthority } from "../../src/pki/authority.ts";
import { pkiFindings } from "../../src/pki/findings.ts";
import { issueNodeCertificate, type NodeCertificateRequest } from "../../src/pki/issue.ts";
import { openssl } from "./openssl.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-authority-"));
afterAll(() => rmSync(root, { recursive: true }));

// After the certificates below are made.
const nowMs = Date.now() + 60_000;
const at = (name: string) => join(root, name);
const text = (name: string) => readFileSync(at(name), "utf8");

const ca = (path: string) => `basicConstraints=critical,CA:TRUE${path}
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid`;
const ecKey = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];

/** A certificate NAME.pem of NAME.key, signed by `issuer` or by itself. */
function make(name: string, issuer: string, extensions: string, days = "30") {
  writeFileSync(at(`${name}.ext`), extensions);
  openssl("genpkey", ...ecKey, "-out", at(`${name}.key`));
  const subject = `/O=Example Österreich/CN=${name}`;
  openssl("req", "-new", "-utf8", "-key", at(`${name}.key`), "-subj", subject, "-out", at("csr"));
  const signer =
    issuer === name
      ? ["-signkey", at(`${name}.key`)]
      : ["-CA", at(`${issuer}.pem`), "-CAkey", at(`${issuer}.key`), "-CAcreateserial"];
  openssl(
    ...["x509", "-req", "-in", at("csr"), "-days", days, "-extfile", at(`${name}.ext`)],
    ...["-out", at(`${name}.pem`), ...signer],
  );
}

beforeAll(() => {
  make("root", "root", ca(""));
  make("middle", "root", ca(",pathlen:1"), "20");
  make("signing", "middle", ca(",pathlen:0"), "10");
  make("narrow", "narrow", ca(",pathlen:0"));
  make("below-narrow", "narrow", ca(""));
  make("leaf", "root", "basicConstraints=critical,CA:FALSE");
  make("no-sign", "no-sign", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign");
  make("expired", "expired", ca(""), "1");
  openssl("genpkey", "-algorithm", "ED25519", "-out", at("odd.key"));
  const odd = ["-x509", "-key", at("odd.key"), "-subj", "/CN=odd", "-out", at("odd.pem")];
  openssl("req", ...odd, "-addext", "keyUsage=critical,keyCertSign");
});

function chain(...names: string[]): string {
  const file = at("chain.pem");
  writeFileSync(file, names.map((name) => text(`${name}.pem`)).join("subject=for people\n"));
  return file;
}

const node: NodeCertificateRequest = {
  ...{ name: "node01", fqdn: "node01.example.com", addresses: ["10.0.200.10"] },
  ...{ key: "ec", days: 365, nowMs },
};

test("a CA two steps below its root issues what openssl verifies against the root alone", async () => {
  const files = { certificate: chain("signing", "middle", "root"), key: at("signing.key") };
  const authority = await loadAuthority(files);
  expect(authority.about).toMatchObject({ source: "authority", key: "EC secp384r1" });
  const issued = await issueNodeCertificate(authority, node);
  // As the runbook's services have them: a file to show, and a file to trust.
  writeFileSync(at("node-cert.pem"), issued.certPem);
  writeFileSync(at("ca-cert.pem"), authority.certPem);
  const strict = ["verify", "-x509_strict", "-verify_hostname", "node01", "-purpose", "sslserver"];
  const shown = ["-untrusted", at("node-cert.pem"), at("node-cert.pem")];
  openssl(...strict, "-CAfile", at("root.pem"), ...shown);
  openssl(...strict, "-CAfile", at("ca-cert.pem"), at("node-cert.pem"));
  expect(issued.certPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
  expect(authority.certPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
  const end = (name: string) => openssl("x509", "-in", at(name), "-noout", "-enddate");
  expect(end("node-cert.pem")).toBe(end("signing.pem"));
});

test("a root behind the chain is trusted as well, and what follows the file's own CA bounds nothing", async () => {
  const files = {
    certificate: chain("signing", "middle", "root", "narrow"),
    key: at("signing.key"),
  };
  const authority = await loadAuthority(files);
  writeFileSync(at("bundle.pem"), authority.certPem);
  const own = await issueNodeCertificate(authority, node);
  const narrow = { certificate: at("narrow.pem"), key: at("narrow.key") };
  const other = await issueNodeCertificate(await loadAuthority(narrow), node);
  for (const { certPem } of [own, other]) {
    writeFileSync(at("shown.pem"), certPem);
    openssl("verify", "-x509_strict", "-CAfile", at("bundle.pem"), at("shown.pem"));
  }
  expect(own.certPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
  expect(own.notAfterMs).toBe(authority.certificate.notAfter.getTime());
});

test("the issuer's name is repeated octet for octet", async () => {
  const files = { certificate: chain("root"), key: at("root.key") };
  const authority = await loadAuthority(files);
  const issued = await issueNodeCertificate(authority, node);
  writeFileSync(at("plain.pem"), issued.certPem);
  const dump = (name: string, what: string) =>
    openssl("x509", "-in", at(name), "-noout", what, "-nameopt", "dump_all,dump_der");
  expect(dump("plain.pem", "-issuer").replace("issuer=", "")).toBe(
    dump("root.pem", "-subject").replace("subject=", ""),
  );
});

test("a key under a passphrase is opened by it, and left as it is", async () => {
  const key = at("locked.key");
  const out = ["-out", key, "-passout", "pass:secret"];
  openssl("pkcs8", "-topk8", "-in", at("root.key"), "-v2", "aes-256-cbc", ...out);
  rewriteMode(key);
  const before = readFileSync(key);
  const passphrase = { secret: new Secret("secret"), name: "the file /run/ca" };
  const files = { certificate: chain("root"), key };
  expect((await loadAuthority(files, { passphrase })).about.encrypted).toBe(true);
  expect(readFileSync(key)).toEqual(before);
  await expect(
    loadAuthority(files, { passphrase: { ...passphrase, secret: new Secret("other") } }),
  ).rejects.toThrow("the file /run/ca holds another passphrase than the one");
});

function rewriteMode(file: string) {
  const content = readFileSync(file);
  rmSync(file);
  writeFileSync(file, content, { mode: 0o600 });
}

test.each([
  ["that is none", ["leaf"], "leaf", /leaf" is not a CA certificate \(basicConstraints CA:TRUE\)/],
  ["that may not sign", ["no-sign"], "no-sign", /keyUsage without keyCertSign/],
  [
    "whose root is missing",
    ["signing", "middle"],
    "signing",
    /CN=middle.*" is not a root: append the certificate of ".*CN=root/,
  ],
  [
    "whose chain has a gap",
    ["signing", "root"],
    "signing",
    /CN=signing.*" was not issued by ".*CN=root.*", which follows it in the file/,
  ],
  [
    "whose chain is longer than allowed",
    ["below-narrow", "narrow"],
    "below-narrow",
    /CN=narrow.*" allows 0 CAs below it \(pathlen\), and there are 1/,
  ],
  ["with the key of another", ["root"], "middle", /middle\.key is not the key of the first/],
  ["in the wrong order", ["root", "middle"], "root", /CN=middle" follows a root and is none/],
  ["of a kind that TLS programs refuse", ["odd"], "odd", /ED25519 is not supported: use a key/],
])("an authority %s is refused with what is wrong", async (_, names, key, why) => {
  const files = { certificate: chain(...names), key: at(`${key}.key`) };
  await expect(loadAuthority(files)).rejects.toThrow(why);
});

test("an authority out of its dates is taken, and signs nothing then", async () => {
  const files = { certificate: chain("expired"), key: at("expired.key") };
  const ca = await loadAuthority(files);
  const request = { name: "node01", fqdn: "node01.example.com", addresses: [], days: 30 };
  await expect(
    issueNodeCertificate(ca, { ...request, key: "ec", nowMs: nowMs + 2 * 86_400_000 }),
  ).rejects.toThrow(/is valid from \S+ to \S+, and this server's clock says/);
});

test.each([
  ["nothing.pem", undefined, /can't be used as a CA: ENOENT/],
  ["empty.pem", "no certificate here", /can't be used as a CA: holds no certificate in PEM/],
])("a certificate file %s is refused", async (name, content, why) => {
  if (content !== undefined) writeFileSync(at(name), content);
  await expect(loadAuthority({ certificate: at(name), key: at("root.key") })).rejects.toThrow(why);
});

test("of an authority below a root, check says whom the nodes will trust", async () => {
  const files = { certificate: chain("signing", "middle", "root"), key: at("signing.key") };
  const authority = await loadAuthority(files);
  const trust = pkiFindings(authority, [], [], nowMs).find(
    ({ title }) => title === "what nodes trust",
  );
  expect(trust).toMatchObject({
    level: "warning",
    detail: expect.stringMatching(/every certificate below ".*CN=root/),
  });
});
