// Whom the driver gives its password to.

import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { insecurityOf, pinnedFingerprint, type Trust } from "../../../src/bmc/redfish/trust.ts";
import { type Identity, selfSigned } from "../../../vm-harness/bmc/redfish-certificate.ts";
import { type Authority, createAuthority } from "../../cluster/authority.ts";
import { type Simulated, simulate } from "./simulated.ts";

let identity: Identity;
let other: Identity;
let authority: Authority;
let issued: Identity;
const open: Simulated[] = [];

beforeAll(async () => {
  identity = await selfSigned("SN-1");
  other = await selfSigned("SN-1");
  authority = await createAuthority("site CA");
  issued = { ...(await authority.issue("bmc01.example.com")), fingerprint: "" };
});

afterEach(async () => {
  for (const simulated of open.splice(0)) await simulated.close();
});

async function bmcWith(trust: Trust, shown: Identity) {
  const simulated = await simulate("plain", {
    settings: { trust },
    server: { identity: shown },
  });
  open.push(simulated);
  return simulated;
}

test.each([
  ["its fingerprint, though it is out of its dates", () => ({ fingerprint: identity.fingerprint })],
  [
    "its fingerprint in small letters without colons",
    () => ({ fingerprint: identity.fingerprint.replaceAll(":", "").toLowerCase() }),
  ],
  ["the certificate itself", () => ({ certificate: identity.cert })],
  ["nothing at all, which is a setting", () => ({ insecure: "unchecked" as const })],
])("a certificate that the BMC made itself is trusted by %s", async (_, trust) => {
  const { bmc } = await bmcWith(trust(), identity);
  expect(await bmc.powerState()).toBe("off");
  await bmc.power("on");
});

test("a certificate of the site's CA is trusted by its name", async () => {
  const { bmc } = await bmcWith({ ca: authority.ca, servername: "bmc01.example.com" }, issued);
  expect(await bmc.powerState()).toBe("off");
});

test.each([
  ["another certificate than the pinned one", () => ({ fingerprint: other.fingerprint }), "self"],
  ["another certificate than the pinned file", () => ({ certificate: other.cert }), "self"],
  ["a certificate of no CA that is trusted", () => ({ ca: authority.ca }), "self"],
  [
    "a certificate of the CA for another name",
    () => ({ ca: authority.ca, servername: "bmc02.example.com" }),
    "issued",
  ],
  ["a certificate of the CA without the address", () => ({ ca: authority.ca }), "issued"],
] as const)("%s is refused before anything is sent", async (_, trust, shown) => {
  const { bmc, server } = await bmcWith(trust(), shown === "self" ? identity : issued);
  await expect(bmc.powerState()).rejects.toMatchObject({ kind: "protocol" });
  expect(server.requests).toEqual([]);
});

test("a refusal shows the fingerprint that was met, to pin it", async () => {
  const { bmc } = await bmcWith({ fingerprint: other.fingerprint }, identity);
  const met = identity.fingerprint.replaceAll(":", "").toLowerCase();
  await expect(bmc.powerState()).rejects.toThrow(`fingerprint ${met}, which is not the pinned one`);
});

test("a certificate that changes between two requests is refused for the second", async () => {
  const { bmc, server } = await bmcWith({ fingerprint: identity.fingerprint }, identity);
  await bmc.powerState();
  const { port } = server;
  await server.close();
  const imposter = await listen(port, other);
  await expect(bmc.power("off")).rejects.toMatchObject({ kind: "protocol" });
  expect(imposter.asked()).toBe(0);
  await imposter.close();
});

async function listen(port: number, shown: Identity) {
  let asked = 0;
  const server: Server = createServer({ ...shown }, (_request, response) => {
    asked += 1;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { asked: () => asked, close, port: (server.address() as AddressInfo).port };
}

test("a fingerprint that is none is refused with the settings", () => {
  expect(() => pinnedFingerprint({ fingerprint: "12:34" })).toThrow("64 hexadecimal digits");
  expect(() => pinnedFingerprint({ certificate: "none" })).toThrow("give it in PEM");
});

test.each([
  [{ insecure: "http" } as const, /in clear/],
  [{ insecure: "unchecked" } as const, /not checked/],
])("a lack of trust has one loud sentence", (trust, words) => {
  expect(insecurityOf({ address: "10.0.10.50", port: 443, trust })).toMatch(words);
});

test("a pinned certificate has nothing to warn of", () => {
  const trust = { fingerprint: "00" };
  expect(insecurityOf({ address: "10.0.10.50", port: 443, trust })).toBeUndefined();
});

afterAll(() => expect(open).toEqual([]));
