// Kernels and initrds as a client gets them through the boot plane.

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createImageCache } from "../../src/boot/image-cache.ts";
import { listenBootPlane } from "../../src/bootplane/listen.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { putFiles } from "../fakes/asset-directory.ts";
import { clientOf } from "../fakes/boot-plane-client.ts";
import { bootPlane } from "./plane.ts";

const kernel = "/boot/nixos/control-plane/bzImage";

describe("images", () => {
  it.each(["bzImage", "initrd"])("%s comes whole, with its length and an ETag", async (name) => {
    const plane = await bootPlane();
    const { app, directory } = plane;
    const url = `/boot/nixos/control-plane/${name}`;
    const wanted = readFileSync(join(directory, "nixos/control-plane", name));
    const response = await clientOf(plane)(url);
    expect(response.statusCode).toBe(200);
    expect(response.rawPayload.equals(wanted)).toBe(true);
    const { etag } = response.headers;
    expect(response.headers).toMatchObject({ "content-length": `${wanted.length}` });
    const head = await app.inject({ method: "HEAD", url });
    expect(head.headers).toMatchObject({ "content-length": `${wanted.length}`, etag });
    expect(head.rawPayload.length).toBe(0);
    const again = await app.inject({ url, headers: { "if-none-match": String(etag) } });
    expect([again.statusCode, again.body]).toEqual([304, ""]);
  });

  it("come in part when a part is asked for", async () => {
    const get = clientOf(await bootPlane());
    const part = await get(kernel, { range: "bytes=6-11" });
    expect([part.statusCode, part.body]).toEqual([206, "kernel"]);
    expect(part.headers["content-range"]).toBe("bytes 6-11/700000");
    const old = { range: "bytes=6-11", "if-range": '"older"' };
    expect((await get(kernel, old)).statusCode).toBe(200);
    const beyond = await get(kernel, { range: "bytes=700000-" });
    expect([beyond.statusCode, beyond.headers["content-range"]]).toEqual([416, "bytes */700000"]);
  });

  it("are not sent to who asks for another one", async () => {
    const answer = await clientOf(await bootPlane())(kernel, { "if-match": '"older"' });
    expect([answer.statusCode, answer.body]).toEqual([412, ""]);
  });

  it("are reported with their size when the download is over", async () => {
    const plane = await bootPlane();
    await clientOf(plane)(kernel);
    await expect
      .poll(() => plane.events)
      .toMatchObject([
        {
          kind: "image-served",
          profile: "control-plane",
          file: "bzImage",
          bytes: 700_000,
          outcome: "complete",
        },
      ]);
    const requests = plane.logs.filter((line) => line.includes("boot request"));
    expect(requests.map((line) => JSON.parse(line))).toMatchObject([
      { client: "127.0.0.1", method: "GET", url: kernel, status: 200 },
    ]);
  });

  it("are served by HEAD without being read", async () => {
    const { app, directory, events } = await bootPlane();
    rmSync(join(directory, "nixos/control-plane/bzImage"));
    const head = await app.inject({
      method: "HEAD",
      url: kernel,
      headers: { range: "bytes=6-11" },
    });
    expect([head.statusCode, head.headers["content-length"]]).toEqual([200, "700000"]);
    expect(events).toEqual([]);
  });

  it("go out in the same octets from disk as from memory", async () => {
    const plane = await bootPlane({ images: createImageCache(0) });
    const get = clientOf(plane);
    const wanted = readFileSync(join(plane.directory, "nixos/control-plane/bzImage"));
    expect((await get(kernel)).rawPayload.equals(wanted)).toBe(true);
    const part = await get(kernel, { range: "bytes=131071-500000" });
    expect(part.rawPayload.equals(wanted.subarray(131_071, 500_001))).toBe(true);
  });
});

it("images are refused before their head while the thread that sends them can't run", async () => {
  // A number that the thread can't reckon with.
  const downloadRate = () => 1n as unknown as number;
  const plane = await bootPlane({ downloadRate });
  const { port } = await listenBootPlane(plane, "127.0.0.1" as Ipv4, 0);
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  for (const _ of "123") await expect(get(kernel).then((cut) => cut.bytes())).rejects.toThrow();
  expect(plane.trouble()).toContain("images can't be sent");
  const refused = await get(kernel);
  expect([refused.status, refused.headers.get("etag"), await refused.text()]).toEqual([
    503,
    null,
    "",
  ]);
  expect((await get("/boot/ipxe.efi")).status).toBe(200);
});

describe("images that are not as they were published", () => {
  it("are not mixed: a script's set that is gone is not found", async () => {
    const plane = await bootPlane();
    const get = clientOf(plane);
    const version = plane.assets.current().sets.get("control-plane")?.version;
    expect((await get(`${kernel}?set=${version}`)).statusCode).toBe(200);
    putFiles(plane.directory, { "nixos/control-plane/initrd": "another image" });
    const changed = await get("/boot/nixos/control-plane/initrd");
    expect([changed.statusCode, changed.body]).toEqual([503, ""]);
    expect((await get(`${kernel}?set=${version}`)).statusCode).toBe(404);
    expect((await get("/boot/nixos/control-plane/initrd")).body).toBe("another image");
  });

  it.each([
    ["in memory", 64],
    ["from disk", 0],
  ])(
    "are never served %s when their sum is wrong, nor is the rest of their set, and the machine hears no more than that",
    async (_, mebibytes) => {
      const images = createImageCache(mebibytes * 1024 * 1024);
      const { app, assets, events, logs } = await bootPlane({ images });
      const set = assets.current().sets.get("control-plane");
      Object.assign(set?.initrd ?? {}, { sha256: "0".repeat(64) });
      const url = "/boot/nixos/control-plane/initrd";
      const response = await app.inject(url);
      expect([response.statusCode, response.body]).toEqual([503, ""]);
      expect(response.headers).toMatchObject({ "content-length": "0" });
      expect(response.headers["etag"]).toBeUndefined();
      for (const later of [url, kernel]) expect((await app.inject(later)).statusCode).toBe(404);
      const refusals = events.filter(({ kind }) => kind === "image-refused");
      expect(refusals).toMatchObject([{ client: "127.0.0.1", file: "initrd" }]);
      expect(
        logs.filter((line) => line.includes("nixos/control-plane/initrd is damaged")),
      ).toHaveLength(1);
    },
  );
});
