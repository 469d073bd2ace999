import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Standing } from "../../src/boot/access.ts";
import {
  activeMac,
  armedMac,
  armedNonce,
  hostKey,
  publicKey,
  unknownMac,
} from "../fakes/boot-plane.ts";
import { bootPlane, document, script } from "./plane.ts";

const documents = ["cluster-config.json", "keys.cpio.gz", "report"] as const;

describe("the scripts", () => {
  it.each<[string, Standing, string]>([
    [
      "another machine's address",
      { kind: "given", to: activeMac },
      `127.0.0.1 is the address of ${activeMac}`,
    ],
    ["an address of nobody", { kind: "not-given" }, "127.0.0.1 was given to no machine by DHCP"],
    [
      "an address behind proxyDHCP that no node was heard to ask for",
      { kind: "not-heard" },
      expect.stringContaining("no machine was heard to ask for 127.0.0.1"),
    ],
  ])(
    "give the installer to the armed machine's address alone, not to %s",
    async (_, standing, reason) => {
      const plane = await bootPlane();
      plane.standing = standing;
      const response = await plane.app.inject(script(armedMac));
      expect(response.body).toContain("sanboot");
      expect(response.body).not.toContain("kernel ");
      expect(response.body).not.toContain(armedNonce);
      const event = { kind: "boot-refused", mac: armedMac, client: "127.0.0.1" };
      expect(plane.events).toEqual([{ ...event, asked: "boot.ipxe", reason }]);
      expect(plane.served).toEqual([]);
    },
  );

  it("are kept as they were given, without the nonce", async () => {
    const { app, served } = await bootPlane();
    const { body } = await app.inject(script(armedMac));
    expect(body).toContain(armedNonce);
    expect(served).toEqual([`node01: ${body.replaceAll(armedNonce, "NONCE")}`]);
  });
});

describe("the documents of an armed machine", () => {
  it("are its public cluster-config.json", async () => {
    const { app, events } = await bootPlane();
    const response = await app.inject(document(armedMac, "cluster-config.json", armedNonce));
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(Object.keys(response.json())).toEqual([
      "node_id",
      "node_role",
      "bootstrap",
      "cluster_name",
      "leader_url",
      "raft_addr",
    ]);
    expect(events).toMatchObject([{ kind: "cluster-config-served", mac: armedMac }]);
  });

  it.each([
    ["&error=0x4c126035", { error: "0x4c126035" }],
    ["", {}],
    ["&error=%1b[31m", {}],
  ])("take what its script reports, with %j", async (query, more) => {
    const { app, events } = await bootPlane();
    const url = document(armedMac, "report", armedNonce);
    expect((await app.inject(`${url}&stage=initrd${query}`)).statusCode).toBe(200);
    const event = { kind: "boot-reported", mac: armedMac, client: "127.0.0.1", stage: "initrd" };
    expect(events).toEqual([{ ...event, ...more }]);
  });

  it.each(["", "&stage=", "&stage=nonsense", "&stage=kernel&stage=boot"])(
    "take no report of the stage %j",
    async (query) => {
      const { app, events } = await bootPlane();
      const url = document(armedMac, "report", armedNonce);
      expect([(await app.inject(url + query)).statusCode, events]).toEqual([404, []]);
    },
  );

  it("are an error without detail when someone put more into cluster-config.json", async () => {
    const leak = { node_id: "node01", token: "s3cret" } as never;
    const { app } = await bootPlane({ clusterConfig: () => leak });
    const response = await app.inject(document(armedMac, "cluster-config.json", armedNonce));
    expect([response.statusCode, response.body]).toEqual([500, "internal error\n"]);
  });

  it("leave no nonce in the log", async () => {
    const { app, logs } = await bootPlane({}, {}, "worker");
    await app.inject(script(armedMac));
    await app.inject(document(armedMac, "keys.cpio.gz", armedNonce));
    await app.inject(`/boot/nodes/${armedMac}/nothing?a=b&Nonce=${armedNonce}`);
    expect(logs.length).toBeGreaterThan(2);
    expect(logs.join("")).not.toContain(armedNonce);
  });
});

describe("the keys of an installer", () => {
  it("are an archive with the host key of this install", async () => {
    const { app, events } = await bootPlane();
    const archive = await app.inject(document(armedMac, "keys.cpio.gz", armedNonce));
    expect(archive.headers["content-encoding"]).toBeUndefined();
    const octets = gunzipSync(archive.rawPayload).toString();
    for (const part of [publicKey, hostKey.privateKey, hostKey.publicKey])
      expect(octets).toContain(part);
    expect(events).toEqual([{ kind: "keys-served", mac: armedMac, client: "127.0.0.1", times: 1 }]);
  });

  it("are given again to a machine that restarts before its installer was found, which is counted", async () => {
    const { app, events, logs } = await bootPlane();
    const url = document(armedMac, "keys.cpio.gz", armedNonce);
    await app.inject({ url, method: "HEAD" });
    expect((await app.inject(url)).statusCode).toBe(200);
    expect((await app.inject(url)).statusCode).toBe(200);
    expect(events).toMatchObject([
      { kind: "keys-served", times: 1 },
      { kind: "keys-served", times: 2 },
    ]);
    expect(logs.join("")).toContain("keys fetched again");
  });

  it("are no keys for anybody once the installer that has them was found: that is an alarm", async () => {
    const plane = await bootPlane();
    const url = document(armedMac, "keys.cpio.gz", armedNonce);
    await plane.app.inject(url);
    plane.installerFound = true;
    for (const method of ["GET", "HEAD", "GET"] as const) {
      const { statusCode, rawPayload } = await plane.app.inject({ url, method });
      expect([statusCode, rawPayload.includes("ssh")]).toEqual([404, false]);
    }
    const alarm = { kind: "keys-refused", mac: armedMac, client: "127.0.0.1" };
    expect(plane.events.slice(1)).toEqual(
      [1, 2, 3].map((times) => ({ ...alarm, times, reason: expect.stringContaining("found") })),
    );
    expect(plane.logs.filter((line) => line.includes("keys refused"))).toHaveLength(1);
    // Its other documents and its script are not secret.
    const other = document(armedMac, "cluster-config.json", armedNonce);
    expect((await plane.app.inject(other)).statusCode).toBe(200);
  });
});

describe("the documents of a machine", () => {
  const refused = [
    ["without a nonce", {}, undefined, "the request carries no nonce"],
    ["with another nonce", {}, "x".repeat(43), "a nonce that is not this install's"],
    ["after the install expired", { now: () => 2_000 }, armedNonce, "ran out at"],
  ] as const;
  for (const name of documents)
    it.each(refused)(`are not found %s: ${name}`, async (_, deps, nonce, reason) => {
      const { app, events } = await bootPlane(deps);
      const response = await app.inject(`${document(armedMac, name, nonce)}&stage=boot`);
      expect([response.statusCode, response.body]).toEqual([404, "not found\n"]);
      expect(events).toEqual([
        {
          kind: "boot-refused",
          mac: armedMac,
          client: "127.0.0.1",
          asked: name,
          reason: expect.stringContaining(reason),
        },
      ]);
    });

  it.each(documents)(
    "are not found from another address, with the right nonce: %s",
    async (name) => {
      const plane = await bootPlane();
      plane.standing = { kind: "given", to: activeMac };
      const url = `${document(armedMac, name, armedNonce)}&stage=boot`;
      expect((await plane.app.inject(url)).statusCode).toBe(404);
      const reason = `127.0.0.1 is the address of ${activeMac}`;
      expect(plane.events).toMatchObject([{ kind: "boot-refused", asked: name, reason }]);
    },
  );

  it.each([activeMac, unknownMac])("are not found for %s", async (mac) => {
    const plane = await bootPlane();
    plane.standing = { kind: "given", to: mac };
    for (const name of documents) {
      const url = `${document(mac, name, armedNonce)}&stage=boot`;
      expect((await plane.app.inject(url)).statusCode).toBe(404);
    }
  });
});
