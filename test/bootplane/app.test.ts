import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadScripts } from "../../src/boot/script.ts";
import { putFiles } from "../fakes/asset-directory.ts";
import { activeMac, armedMac, armedNonce, unknownMac } from "../fakes/boot-plane.ts";
import { minimalLoader } from "../fakes/loaders.ts";
import { bootPlane, document, script } from "./plane.ts";

describe("/health", () => {
  it("answers exactly what the runbook expects when all services run", async () => {
    const { app } = await bootPlane();
    const response = await app.inject("/health");
    expect(response.statusCode).toBe(200);
    expect(response.body).toBe(
      '{"status":"healthy","services":{"dhcp":"running","tftp":"running","http":"running"}}',
    );
  });

  it("answers 503 with the real states when one does not", async () => {
    const { app, services } = await bootPlane();
    services.tftp = "failed";
    const response = await app.inject("/health");
    expect(response.statusCode).toBe(503);
    expect(response.body).toBe(
      '{"status":"degraded","services":{"dhcp":"running","tftp":"failed","http":"running"}}',
    );
  });

  it("answers 503 with the reason when one can't do all of its work", async () => {
    const { app, services } = await bootPlane();
    services.dhcp = "degraded";
    const response = await app.inject("/health");
    expect(response.statusCode).toBe(503);
    expect(response.json()).toMatchObject({
      status: "degraded",
      services: { dhcp: "degraded" },
      reason: "the disk is full",
    });
  });

  it("answers 503 with the reason when all run and something is wrong all the same", async () => {
    const { app } = await bootPlane({ trouble: () => "initrd is damaged" });
    const response = await app.inject("/health");
    expect(response.statusCode).toBe(503);
    expect(response.json()).toMatchObject({ status: "degraded", reason: "initrd is damaged" });
  });

  it("answers 200 when the inventory's files are not taken, and says so", async () => {
    const { app } = await bootPlane({ isInventoryRefused: () => true });
    const response = await app.inject("/health");
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      status: "healthy",
      services: { dhcp: "running", tftp: "running", http: "running" },
      inventory: expect.stringContaining("can't be taken"),
    });
  });
});

describe("boot scripts", () => {
  it("are the same first script for everyone", async () => {
    const { app, events } = await bootPlane();
    const response = await app.inject("/boot/ipxe/boot.ipxe");
    expect(response.statusCode).toBe(200);
    expect(response.body.startsWith("#!ipxe\n")).toBe(true);
    expect(events).toEqual([{ kind: "boot-menu-served", client: "127.0.0.1" }]);
  });

  it.each([armedMac, "52%3A54%3A00%3A12%3A34%3A56", "52-54-00-12-34-56", "525400123456"])(
    "start the installer for the armed machine, asked as %s",
    async (mac) => {
      const { app, events, assets } = await bootPlane();
      const response = await app.inject(script(mac));
      const version = assets.current().sets.get("control-plane")?.version;
      expect(response.body).toContain(`bzImage?set=${version} init=/nix/store/`);
      expect(response.body).toContain(" hostname=node01 ");
      expect(response.headers["cache-control"]).toBe("no-store");
      expect(events).toEqual([
        {
          kind: "boot-script-served",
          mac: armedMac,
          client: "127.0.0.1",
          plan: "installer",
          reason: "node node01 is armed for an install on /dev/sda",
        },
      ]);
    },
  );

  it.each([
    ["an active node", activeMac, "node node02 is active, not armed"],
    ["an unknown machine", unknownMac, `${unknownMac} is in no inventory`],
  ])("send %s to its own disk, and say why", async (_, mac, reason) => {
    const { app, events } = await bootPlane();
    const response = await app.inject(script(mac));
    expect(response.statusCode).toBe(200);
    expect(response.body).toContain("sanboot --no-describe --drive 0x80");
    expect(response.body).not.toContain("kernel ");
    expect(events).toMatchObject([
      {
        kind: "boot-script-served",
        mac,
        plan: "local-disk",
        reason: expect.stringContaining(reason),
      },
    ]);
  });

  it("send the armed machine to its own disk once the intent ran out", async () => {
    const { app } = await bootPlane({ now: () => 2_000 });
    expect((await app.inject(script(armedMac))).body).toContain("ran out at 1970-01-01T00:00:02");
  });

  it("send the armed machine to its own disk when its profile has no images, and log an error", async () => {
    const { app, events, logs } = await bootPlane({}, {}, "worker");
    const response = await app.inject(script(armedMac));
    expect(response.body).toContain("profile worker has no usable asset set");
    expect(events).toMatchObject([{ plan: "local-disk" }]);
    expect(logs.some((line) => line.includes('"level":50'))).toBe(true);
  });

  it("use an image that was deployed after the start", async () => {
    const { app, directory } = await bootPlane();
    putFiles(directory, { "nixos/control-plane/cmdline": "init=/nix/store/newer/init\n" });
    expect((await app.inject(script(armedMac))).body).toContain("init=/nix/store/newer/init");
  });

  it("report a HEAD request to nobody", async () => {
    const { app, events } = await bootPlane();
    const response = await app.inject({ method: "HEAD", url: script(armedMac) });
    expect([response.statusCode, response.body, events.length]).toEqual([200, "", 0]);
  });
});

describe("what is the same for all machines", () => {
  it("are loaders", async () => {
    const { app, events } = await bootPlane();
    expect((await app.inject("/boot/ipxe.efi")).rawPayload).toEqual(minimalLoader("ipxe.efi"));
    expect(events).toEqual([{ kind: "loader-served", client: "127.0.0.1", file: "ipxe.efi" }]);
    const head = await app.inject({ method: "HEAD", url: "/boot/ipxe.efi" });
    expect([head.statusCode, head.body]).toEqual([200, ""]);
    expect(head.headers).toMatchObject({ "content-length": "1088", "accept-ranges": "bytes" });
    const range = await app.inject({ url: "/boot/ipxe.efi", headers: { range: "bytes=512-519" } });
    expect([range.statusCode, range.body]).toEqual([206, "ipxe.efi"]);
    const etag = String(head.headers["etag"]);
    const again = await app.inject({ url: "/boot/ipxe.efi", headers: { "if-none-match": etag } });
    expect(again.statusCode).toBe(304);
  });
});

it("logs a fault once a minute, however often anyone causes it", async () => {
  let nowMs = 1_000;
  const fail = () => {
    throw new Error("the template is broken");
  };
  const { app, logs } = await bootPlane({
    now: () => nowMs,
    scripts: { ...loadScripts("templates"), menu: fail, installer: fail, localDisk: fail },
    authorizedKeys: fail,
  });
  const urls = [
    "/boot/ipxe/boot.ipxe",
    script(armedMac),
    script(unknownMac),
    script(activeMac),
    document(armedMac, "keys.cpio.gz", armedNonce),
  ];
  const ask = async () => {
    for (const url of [...urls, ...urls]) await app.inject(url);
  };
  const errors = () => logs.filter((line) => line.includes('"level":50'));
  await ask();
  nowMs += 59_999;
  await ask();
  expect(errors()).toEqual([
    expect.stringContaining("the first script can't be made"),
    expect.stringContaining("node node01 is to be installed, and its script can't be made"),
    expect.stringContaining(unknownMac),
    expect.stringContaining("a boot request failed"),
  ]);
  nowMs += 1;
  await ask();
  // The intent has expired by now.
  expect(errors().slice(4)).toEqual([
    expect.stringContaining("the first script can't be made"),
    expect.stringContaining("a machine was not given its script"),
  ]);
});

describe("everything else", () => {
  it.each([
    ["GET", "/"],
    ["GET", "/boot/"],
    ["GET", "/boot/none.efi"],
    ["GET", "/boot/nixos/control-plane/cmdline"],
    ["GET", "/boot/nixos/control-plane/..%2f..%2fipxe.efi"],
    ["GET", "/boot/nixos/..%2f..%2fetc/passwd"],
    ["GET", "/boot/%2e%2e/%2e%2e/etc/passwd"],
    ["GET", "/boot/nixos/__proto__/initrd"],
    ["GET", "/boot/nodes/52:54:00:12:34/boot.ipxe"],
    ["GET", "/boot/nodes/%zz/boot.ipxe"],
    ["GET", `/boot/nodes/${"5".repeat(400)}/boot.ipxe`],
    ["POST", "/health"],
    ["PUT", "/boot/ipxe.efi"],
    ["DELETE", "/boot/nixos/control-plane/bzImage"],
    ["OPTIONS", "/boot/ipxe.efi"],
    ["PATCH", "/boot/nixos/control-plane/initrd"],
  ] as const)("%s %s is not found, without detail", async (method, url) => {
    const { app } = await bootPlane();
    const response = await app.inject({ method, url });
    expect([response.statusCode, response.body]).toEqual([404, "not found\n"]);
  });

  it.each([
    ["GET", "/boot/ipxe.efi", {}],
    ["POST", "/health", {}],
    ["POST", "/health", { "content-type": "application/json" }],
    ["PUT", "/boot/ipxe.efi", { "content-type": "text/xml" }],
  ] as const)("takes no body with %s %s", async (method, url, headers) => {
    const { app } = await bootPlane();
    const response = await app.inject({ method, url, headers, payload: "{}" });
    expect([response.statusCode, response.body]).toEqual([404, "not found\n"]);
    expect(response.headers["connection"]).toBe("close");
  });

  it("understands the absolute form of a URL", async () => {
    const { app } = await bootPlane();
    for (const authority of ["http://10.0.100.10:8080", "HTTP://boot.example.com"])
      expect((await app.inject(`${authority}/boot/ipxe.efi`)).rawPayload).toEqual(
        minimalLoader("ipxe.efi"),
      );
  });

  it("answers an internal error with no detail, and logs it", async () => {
    const { app, logs } = await bootPlane({
      authorizedKeys: () => {
        throw new Error("secret path");
      },
    });
    const response = await app.inject(document(armedMac, "keys.cpio.gz", armedNonce));
    expect([response.statusCode, response.body]).toEqual([500, "internal error\n"]);
    expect(logs.some((line) => line.includes("secret path"))).toBe(true);
  });

  it("goes on serving the manifest's loaders when the directory is gone", async () => {
    const { app, directory } = await bootPlane();
    rmSync(directory, { recursive: true });
    expect((await app.inject("/boot/ipxe.efi")).rawPayload).toEqual(minimalLoader("ipxe.efi"));
  });
});
