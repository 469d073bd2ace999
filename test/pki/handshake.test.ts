import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer as createPlainServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ca, loadOrCreateCa } from "../../src/pki/ca.ts";
import { presentedCertificate } from "../../src/pki/handshake.ts";
import { type IssuedCertificate, issueNodeCertificate } from "../../src/pki/issue.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-handshake-"));
const nowMs = Date.now();
const servers: Server[] = [];
let ca: Ca;
let otherCa: Ca;
let issued: IssuedCertificate;

const site = (name: string) =>
  loadOrCreateCa(join(root, name), { commonName: name, key: "ec", caDays: 10, nowMs });
const issue = (from: Ca, name = "node01") =>
  issueNodeCertificate(from, {
    ...{ name, fqdn: `${name}.example.com`, addresses: [], key: "ec", days: 1, nowMs },
  });

beforeAll(async () => {
  [ca, otherCa] = [await site("a"), await site("b")];
  issued = await issue(ca);
});

afterAll(() => {
  for (const server of servers) server.close();
  rmSync(root, { recursive: true });
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** As the cluster's services do: they ask for a certificate, and hang up on who has none. */
const serving = ({ certPem, keyPem }: IssuedCertificate) =>
  listening(
    createServer({ cert: certPem, key: keyPem, ca: ca.certPem, requestCert: true }, (socket) =>
      socket.on("error", () => undefined).end(),
    ).on("tlsClientError", () => undefined),
  );

async function ask(port: number, over: object = {}, signal = new AbortController().signal) {
  const target = { address: "127.0.0.1", port, servername: "node01.example.com" };
  const { fingerprint } = issued;
  const query = { ...target, ca: ca.certPem, fingerprint, timeoutMs: 2000, ...over };
  return await presentedCertificate(query, signal);
}

test("a service that shows what was issued proves it, to one without a certificate too", async () => {
  expect(await ask(await serving(issued))).toEqual({ kind: "issued" });
});

test("another certificate of the same CA, and one of another CA, are told apart", async () => {
  const another = await issue(ca);
  expect(await ask(await serving(another))).toMatchObject({
    ...{ kind: "other", fingerprint: another.fingerprint },
    why: expect.stringContaining("shows another certificate"),
  });
  const foreign = await issue(otherCa);
  const { fingerprint } = foreign;
  expect(await ask(await serving(foreign), { fingerprint })).toMatchObject({
    kind: "other",
    why: expect.stringContaining("does not chain to the CA"),
  });
});

test("what was issued, under another name, is not taken for it", async () => {
  expect(await ask(await serving(issued), { servername: "node02.example.com" })).toMatchObject({
    kind: "other",
  });
});

test("who says nothing, hangs up or is not there proves nothing", async () => {
  const mute = await listening(createPlainServer(() => undefined));
  expect(await ask(mute, { timeoutMs: 200 })).toMatchObject({
    kind: "silent",
    why: expect.stringContaining("did not answer within 200 ms"),
  });
  const rude = await listening(createPlainServer((socket) => socket.end()));
  expect((await ask(rude)).kind).toBe("silent");
  expect((await ask(1)).kind).toBe("silent");
  expect((await ask(mute, {}, AbortSignal.abort())).kind).toBe("silent");
});
