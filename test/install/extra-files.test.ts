import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  extraFilesDirectory,
  placedFiles,
  writeExtraFiles,
} from "../../src/install/extra-files.ts";
import { loadOrCreateHostKey } from "../../src/install/host-key.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-extra-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const files = {
  node: "node01",
  clusterConfig: { node_id: "node01", bootstrap: true },
  caCertPem: "CA\n",
  certPem: "CERT\n",
  keyPem: "KEY\n",
  keyOwner: "0:0",
  hostKey: { privateKey: "PRIVATE\n", publicKey: "PUBLIC\n" },
};

test("keys are for root only, the rest is readable, and every directory can be entered", async () => {
  const before = process.umask(0o077);
  await writeExtraFiles(directory, files).finally(() => process.umask(before));
  const root = extraFilesDirectory(directory);
  const modes = Object.fromEntries(
    [".", ...readdirSync(root, { recursive: true, encoding: "utf8" })].map((name) => [
      name,
      (statSync(join(root, name)).mode & 0o777).toString(8),
    ]),
  );
  expect(modes).toEqual({
    ".": "755",
    etc: "755",
    "etc/nixos": "755",
    "etc/nixos/secrets": "755",
    "etc/nixos/secrets/ca-cert.pem": "644",
    "etc/nixos/secrets/cluster-config.json": "644",
    "etc/nixos/secrets/node01-cert.pem": "644",
    "etc/nixos/secrets/node01-key.pem": "600",
    "etc/ssh": "755",
    "etc/ssh/ssh_host_ed25519_key": "600",
    "etc/ssh/ssh_host_ed25519_key.pub": "644",
  });
  const config = readFileSync(join(root, "etc/nixos/secrets/cluster-config.json"), "utf8");
  expect(JSON.parse(config)).toEqual(files.clusterConfig);
});

test("a second writing replaces the first, whatever it held", async () => {
  await writeExtraFiles(directory, { ...files, node: "node02" });
  await writeExtraFiles(directory, files);
  const root = extraFilesDirectory(directory);
  expect(readdirSync(join(root, "etc/nixos/secrets"))).toEqual([
    "ca-cert.pem",
    "cluster-config.json",
    "node01-cert.pem",
    "node01-key.pem",
  ]);
});

test("secrets are not written where others can look", async () => {
  const open = join(directory, "open");
  mkdirSync(open, { mode: 0o755 });
  await expect(writeExtraFiles(open, files)).rejects.toThrow("open to other users");
});

test.each(["../etc", "a/b", "", "Node"])("%j is refused as a node name", async (node) => {
  await expect(writeExtraFiles(directory, { ...files, node })).rejects.toThrow("no host name");
});

test("a host key is made once, in OpenSSH's format, and ssh-keygen reads it", async () => {
  const file = join(directory, "keys", "node01");
  const { signal } = new AbortController();
  const key = await loadOrCreateHostKey(file, "root@node01", signal);
  expect(key.privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
  expect(key.publicKey).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+ root@node01\n$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, "keys")).mode & 0o777).toBe(0o700);
  const derived = spawnSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" }).stdout;
  expect(derived.trim()).toBe(key.publicKey.trim());
  expect(await loadOrCreateHostKey(file, "other", signal)).toEqual(key);
  expect(readdirSync(join(directory, "keys")).sort()).toEqual(["node01", "node01.pub"]);
});

test("a list of what was written, with sums in place of contents, outlives it", async () => {
  const placed = await writeExtraFiles(directory, { ...files, keyOwner: "400:401" });
  rmSync(extraFilesDirectory(directory), { recursive: true });
  expect(await placedFiles(directory)).toEqual(placed);
  expect(statSync(join(directory, "placed-files.json")).mode & 0o777).toBe(0o600);
  const sum = (text: string) => createHash("sha256").update(text).digest("hex");
  const directories = ["/etc", "/etc/nixos", "/etc/nixos/secrets", "/etc/ssh"];
  expect(placed).toEqual([
    ...directories.map((path) => ({ path, mode: "755", owner: "0:0", sha256: undefined })),
    expect.objectContaining({ path: "/etc/nixos/secrets/cluster-config.json", mode: "644" }),
    expect.objectContaining({ path: "/etc/nixos/secrets/ca-cert.pem", sha256: sum("CA\n") }),
    expect.objectContaining({ path: "/etc/nixos/secrets/node01-cert.pem", owner: "0:0" }),
    {
      ...{ path: "/etc/nixos/secrets/node01-key.pem", mode: "600", owner: "400:401" },
      sha256: sum("KEY\n"),
    },
    expect.objectContaining({ path: "/etc/ssh/ssh_host_ed25519_key", mode: "600", owner: "0:0" }),
    expect.objectContaining({ path: "/etc/ssh/ssh_host_ed25519_key.pub", mode: "644" }),
  ]);
});
