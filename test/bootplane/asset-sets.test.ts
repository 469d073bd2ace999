import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { activateSet } from "../../src/boot/asset-store/activate.ts";
import { importSet } from "../../src/boot/asset-store/import.ts";
import { armedMac, testBootPlane } from "../fakes/boot-plane.ts";
import { clientOf } from "../fakes/boot-plane-client.ts";
import { bzImage, putImage } from "../fakes/images.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

/** A boot plane without images, and a way to give it some. */
async function place() {
  const plane = await testBootPlane();
  onTestFinished(plane.close);
  rmSync(join(plane.directory, "nixos/control-plane"), { recursive: true });
  const root = plane.directory;
  const request = { root, profile: "control-plane", nowMs: 0, onProgress: () => {} };
  const take = async (mark: string) => {
    const path = putImage(join(temporaryDirectory(), mark), mark);
    return (await importSet({ ...request, path })).set.id;
  };
  const activate = (id: string) => activateSet(request, id);
  /** The kernel's and the initrd's URL in the script that the armed machine gets now. */
  const urls = async () => {
    const { body } = await plane.app.inject(`/boot/nodes/${armedMac}/boot.ipxe`);
    return ["bzImage", "initrd"].map((name) => {
      const url = new RegExp(`http://[^ ]+(/boot/nixos/[^ ]+/${name}\\?set=[0-9a-f]+)`).exec(body);
      return url?.[1] ?? `no ${name}`;
    });
  };
  return { ...plane, take, activate, urls, get: clientOf(plane) };
}

test("a machine half-way through its boot keeps its set when another becomes active, the next one gets that", async () => {
  const { take, activate, urls, get } = await place();
  const one = await take("one");
  await activate(one);
  const [kernel = "", initrd = ""] = await urls();
  expect(kernel).toContain(one);
  expect((await get(kernel)).rawPayload).toEqual(bzImage(4096, "one"));
  const two = await take("two");
  await activate(two);
  const [nextKernel = ""] = await urls();
  expect(nextKernel).toContain(two);
  expect((await get(nextKernel)).rawPayload).toEqual(bzImage(4096, "two"));
  expect((await get(initrd)).statusCode).toBe(200);
  expect((await get(kernel)).rawPayload).toEqual(bzImage(4096, "one"));
});

test("a machine that boots a folder filled by hand keeps it when an imported set takes its place", async () => {
  const { directory, assets, take, activate, urls, get } = await place();
  putImage(join(directory, "nixos/control-plane"), "by hand");
  await assets.reload();
  const [kernel = ""] = await urls();
  await activate(await take("one"));
  await urls();
  expect((await get(kernel)).rawPayload).toEqual(bzImage(4096, "by hand"));
});

test("nothing of a damaged set is served, and an installer that needs it is not started", async () => {
  const { app, directory, take, activate, urls, get } = await place();
  const one = await take("one");
  await activate(one);
  const [kernel = "", initrd = ""] = await urls();
  const path = join(directory, "sets/control-plane", one, "initrd");
  const content = readFileSync(path);
  chmodSync(path, 0o644);
  writeFileSync(path, content.fill(0, 10, 20));
  // The next script reads the directory again.
  const script = await app.inject(`/boot/nodes/${armedMac}/boot.ipxe`);
  expect(script.body).toContain("no usable asset set");
  for (const url of [kernel, initrd]) expect((await get(url)).statusCode).toBe(404);
});
