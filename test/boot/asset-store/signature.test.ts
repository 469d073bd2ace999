import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { activateSet } from "../../../src/boot/asset-store/activate.ts";
import { importSet } from "../../../src/boot/asset-store/import.ts";
import { installLoaders } from "../../../src/boot/asset-store/loaders.ts";
import { loadAssetKey } from "../../../src/boot/asset-store/signature.ts";
import { createAssets } from "../../../src/boot/assets.ts";
import { putFiles } from "../../fakes/asset-directory.ts";
import { putImage } from "../../fakes/images.ts";
import { efiProgram } from "../../fakes/loaders.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

function openssl(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync("openssl", args, { encoding: "utf8" });
  if (error !== undefined || status !== 0)
    throw new Error(`openssl (Debian package openssl): ${error?.message ?? stderr}`);
}

/** An asset directory with one set, and keys as docs/assets.md makes them. */
async function place() {
  const directory = temporaryDirectory();
  const root = join(directory, "assets");
  const [privateKey, publicKey] = [join(directory, "key.pem"), join(directory, "key.pub.pem")];
  openssl("genpkey", "-algorithm", "ed25519", "-out", privateKey);
  openssl("pkey", "-in", privateKey, "-pubout", "-out", publicKey);
  const sign = (file: string, key = privateKey) =>
    openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", file, "-out", `${file}.sig`);
  const key = loadAssetKey(publicKey);
  const request = { root, profile: "worker", nowMs: 0, onProgress: () => {}, key };
  const { set } = await importSet({ ...request, path: putImage(join(directory, "image"), "one") });
  const setFile = join(root, "sets/worker", set.id, "set.json");
  const activate = () => activateSet(request, set.id);
  const read = async () => (await createAssets(root, { key })).current();
  return { directory, root, publicKey, sign, set, setFile, activate, read };
}

test("a signed set is served, one that is not signed can't even be activated", async () => {
  const { sign, set, setFile, activate, read } = await place();
  await expect(activate()).rejects.toThrow(`${setFile} is not signed: put its signature into`);
  const before = await read();
  expect([before.versions.size, before.problems.length, before.damaged]).toEqual([0, 1, []]);
  sign(setFile);
  await activate();
  const { sets, problems } = await read();
  expect([sets.get("worker")?.version, problems]).toEqual([set.id, []]);
});

test("a set that somebody else signed is not served, and is damaged", async () => {
  const { directory, sign, setFile, activate, read } = await place();
  sign(setFile);
  await activate();
  const other = join(directory, "other.pem");
  openssl("genpkey", "-algorithm", "ed25519", "-out", other);
  sign(setFile, other);
  const { sets, damaged } = await read();
  expect(sets.size).toBe(0);
  expect(damaged).toEqual([expect.stringContaining(`${setFile}.sig is not the signature of`)]);
});

test("a folder filled by hand is not served beside a key", async () => {
  const { root, read } = await place();
  putImage(join(root, "nixos/by-hand"), "by hand");
  const { sets, problems } = await read();
  expect(sets.size).toBe(0);
  expect(problems).toContainEqual(expect.stringMatching(/nixos\/by-hand was filled by hand/));
});

test("loaders are served as a signed loaders.json has them, and others are not", async () => {
  const { root, sign, read } = await place();
  const data = efiProgram();
  await installLoaders(root, [{ name: "ipxe.efi", source: "a package", data }], 0);
  putFiles(root, { "snponly.efi": data });
  expect((await read()).loaders.size).toBe(0);
  sign(join(root, "loaders.json"));
  const { loaders, problems } = await read();
  expect([...loaders.keys()]).toEqual(["ipxe.efi"]);
  expect(problems).toContainEqual(
    `loader snponly.efi: ${root}/snponly.efi is not in a signed loaders.json, as server.assetKey asks for: install it again with rackstrap assets loaders, then sign loaders.json`,
  );
});

test("a key that is none is named", async () => {
  const { directory, publicKey } = await place();
  const file = join(directory, "rsa.pem");
  openssl("genrsa", "-out", file, "2048");
  expect(() => loadAssetKey(file)).toThrow(
    `${file} is no Ed25519 public key (it is a key for rsa)`,
  );
  writeFileSync(file, readFileSync(publicKey).subarray(0, 40));
  expect(() => loadAssetKey(file)).toThrow(`${file} is no Ed25519 public key`);
  expect(() => loadAssetKey("/nowhere")).toThrow("/nowhere is no Ed25519 public key");
});
