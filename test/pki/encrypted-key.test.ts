import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { Secret } from "../../src/net/secret.ts";
import { loadOrCreateCa } from "../../src/pki/ca.ts";
import { encryptKey, isEncrypted, openKey } from "../../src/pki/encrypted-key.ts";
import type { Passphrase } from "../../src/pki/key-file.ts";
import { openssl, opensslFails } from "./openssl.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-encrypted-key-"));
afterAll(() => rmSync(root, { recursive: true }));

const canary = "correct horse, battery-staple";
const passphrase: Passphrase = {
  secret: new Secret(canary),
  name: "the environment variable CA_PASSPHRASE",
};
const settings = { commonName: "CA", key: "ec", caDays: 3650, nowMs: Date.now() } as const;
let directory: string;
let keyFile: string;
let count = 0;

beforeEach(() => {
  count += 1;
  directory = join(root, `${count}`, "pki");
  keyFile = join(directory, "ca-key.pem");
});

test.each([
  ["EC", generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey],
  ["RSA", generateKeyPairSync("rsa", { modulusLength: 4096 }).privateKey],
])(
  "an %s key under a passphrase is read by openssl and by Node, and by none without it",
  async (kind, key) => {
    const pem = await encryptKey(key, passphrase.secret);
    const file = join(root, `${kind}.pem`);
    writeFileSync(file, pem);
    const read = openssl("pkey", "-in", file, "-passin", `pass:${canary}`);
    expect(createPrivateKey(read).equals(key)).toBe(true);
    expect(openKey(pem, passphrase.secret).equals(key)).toBe(true);
    expect(opensslFails("pkey", "-in", file, "-passin", "pass:another")).toMatch(
      /decrypt|read key/,
    );
    expect(() => openKey(pem, new Secret("another"))).toThrow();
  },
);

test("the key is derived by scrypt with 16 MiB five times, and encrypted by AES-256", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const file = join(root, "structure.pem");
  writeFileSync(file, await encryptKey(privateKey, passphrase.secret));
  const structure = openssl("asn1parse", "-in", file);
  expect(structure).toMatch(/OBJECT\s+:PBES2/);
  expect(structure).toMatch(
    /:scrypt[\s\S]+INTEGER\s+:4000[\s\S]+INTEGER\s+:08[\s\S]+INTEGER\s+:05/,
  );
  expect(structure).toMatch(/:aes-256-cbc/);
  expect(await encryptKey(privateKey, passphrase.secret)).not.toBe(readFileSync(file, "utf8"));
});

test("a CA that is made with a passphrase never lies on the disk without", async () => {
  await loadOrCreateCa(directory, { ...settings, passphrase });
  expect(isEncrypted(readFileSync(keyFile, "utf8"))).toBe(true);
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  const again = await loadOrCreateCa(directory, { ...settings, passphrase });
  expect(again.about).toMatchObject({ encrypted: true, key: "EC prime256v1", source: "made" });
});

test("a key that lies there readable is put under the passphrase in place, and its old octets are overwritten", async () => {
  const before = await loadOrCreateCa(directory, settings);
  expect(before.about.encrypted).toBe(false);
  const plain = readFileSync(keyFile, "utf8");
  // Held open: what becomes of the octets after the file has another content.
  const old = openSync(keyFile, "r");
  const after = await loadOrCreateCa(directory, { ...settings, passphrase });
  const left = Buffer.alloc(plain.length);
  readSync(old, left, 0, left.length, 0);
  closeSync(old);
  const secretLine = plain.split("\n")[1] ?? "";
  expect(left.includes(secretLine)).toBe(false);
  expect(after.about.encrypted).toBe(true);
  expect(after.certPem).toBe(before.certPem);
  expect(readFileSync(keyFile, "utf8")).not.toContain(secretLine);
  expect(readdirSync(directory).sort()).toEqual(["ca-cert.pem", "ca-key.pem"]);
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
});

test("another passphrase, and none, are refused with where it is kept, and nothing is changed", async () => {
  await loadOrCreateCa(directory, { ...settings, passphrase });
  const before = readFileSync(keyFile);
  const other = { ...passphrase, secret: new Secret("wrong-canary") };
  const loading = loadOrCreateCa(directory, { ...settings, passphrase: other });
  await expect(loading).rejects.toThrow(
    `the environment variable CA_PASSPHRASE holds another passphrase than the one ${keyFile} is under`,
  );
  await expect(loading).rejects.not.toThrow("wrong-canary");
  await expect(loadOrCreateCa(directory, settings)).rejects.toThrow(
    `${keyFile} is under a passphrase, and the inventory names none: set pki.passphrase`,
  );
  expect(readFileSync(keyFile)).toEqual(before);
});

test.each([
  [
    "the key",
    0o640,
    "ca-key.pem",
    /ca-key\.pem can be read by other users \(mode 0640\).*chmod 600/,
  ],
  ["its directory", 0o755, "", /is open to other users \(mode 0755\): chmod 700/],
])("a CA is refused while others may read %s", async (_, mode, name, why) => {
  await loadOrCreateCa(directory, settings);
  chmodSync(join(directory, name), mode);
  await expect(loadOrCreateCa(directory, settings)).rejects.toThrow(why);
});
