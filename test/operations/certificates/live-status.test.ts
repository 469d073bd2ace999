import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer as createPlainServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterAll, expect, test } from "vitest";
import type { Inventory, Node } from "../../../src/inventory/schema.ts";
import type { Ipv4 } from "../../../src/net/ipv4.ts";
import { certificateAddresses } from "../../../src/operations/certificate-addresses.ts";
import { readNodes } from "../../../src/operations/certificates/live-status.ts";
import { nodeProblems } from "../../../src/operations/certificates/status.ts";
import { type Ca, loadOrCreateCa } from "../../../src/pki/ca.ts";
import { fingerprintOf } from "../../../src/pki/chain.ts";
import { type IssuedCertificate, issueNodeCertificate } from "../../../src/pki/issue.ts";
import type { IssuedRecord } from "../../../src/pki/issued.ts";
import { rotateCa } from "../../../src/pki/rotate-ca.ts";
import { exampleInventory } from "../../fakes/rack.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-status-"));
const nowMs = Date.now();
const settings = { commonName: "CA", key: "ec", caDays: 3650, nowMs } as const;
const { signal } = new AbortController();
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(root, { recursive: true });
});

const site = exampleInventory();
const [first] = site.nodes;
if (first === undefined) throw new Error("the example site declares no node");
const addresses = [...certificateAddresses(first, site), "127.0.0.1"];

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const serve = async ({ certPem, keyPem }: IssuedCertificate, ca: Ca) =>
  await listening(
    createServer({ cert: certPem, key: keyPem, ca: ca.certPem, requestCert: true }, (socket) =>
      socket.on("error", () => undefined).end(),
    ).on("tlsClientError", () => undefined),
  );

const issue = async (ca: Ca) =>
  await issueNodeCertificate(ca, {
    ...{ name: "node01", fqdn: first.fqdn, addresses, key: "ec", days: 365, nowMs },
  });

/** What is read of the example's first node, with its services at these ports of loopback. */
async function read(ca: Ca, issued: IssuedCertificate, chainfire: number, flaredb: number) {
  const services = {
    ...site.services,
    chainfire: { ...site.services.chainfire, port: chainfire },
    flaredb: { ...site.services.flaredb, port: flaredb },
  };
  const node: Node = {
    ...{ ...first, productionAddress: "127.0.0.1" as Ipv4 },
    services: ["chainfire", "flaredb"],
  } as Node;
  const inventory: Inventory = { ...site, services };
  const record = { ...issued, node: node.name } as unknown as IssuedRecord;
  const [reading] = await readNodes({ inventory, ca, issued: [record] }, [node], signal);
  if (reading === undefined) throw new Error("no reading");
  return { reading, problems: nodeProblems(reading, ca, { nowMs, withinDays: 30 }) };
}

test("services that show what was issued last have nothing wrong, through a rotation of the CA too", async () => {
  const directory = join(root, "ca");
  const old = await loadOrCreateCa(directory, settings);
  const replaced = fingerprintOf(old.certificate);
  const [oldLeaf, oldPort] = await issue(old).then(
    async (leaf) => [leaf, await serve(leaf, old)] as const,
  );
  expect((await read(old, oldLeaf, oldPort, oldPort)).problems).toEqual([]);
  await rotateCa(directory, { step: "begin", replaced }, settings);
  const begun = await loadOrCreateCa(directory, settings);
  expect((await read(begun, oldLeaf, oldPort, oldPort)).problems).toEqual([]);
  await rotateCa(directory, { step: "switch", replaced }, settings);
  const switched = await loadOrCreateCa(directory, settings);
  const [newLeaf, newPort] = await issue(switched).then(
    async (leaf) => [leaf, await serve(leaf, switched)] as const,
  );
  const mixed = await read(switched, newLeaf, newPort, oldPort);
  expect(mixed.reading.ports.map(({ answer }) => answer)).toMatchObject([
    { kind: "shown", certificate: { signer: "signing", fingerprint: newLeaf.fingerprint } },
    { kind: "shown", certificate: { signer: "also-trusted" }, untrusted: undefined },
  ]);
  expect(mixed.problems).toEqual([
    expect.stringContaining("flaredb"),
    expect.stringContaining("the CA that is being replaced"),
  ]);
  await rotateCa(directory, { step: "finish", replaced }, settings);
  const last = await loadOrCreateCa(directory, settings);
  expect((await read(last, newLeaf, newPort, newPort)).problems).toEqual([]);
  const forgotten = await read(last, newLeaf, newPort, oldPort);
  expect(forgotten.problems).toContainEqual(expect.stringContaining("signed by another CA"));
});

test("a port where nobody speaks TLS is told of, and names that the inventory has since are missing", async () => {
  const ca = await loadOrCreateCa(join(root, "other"), settings);
  const narrow = await issueNodeCertificate(ca, {
    ...{ name: "node01", fqdn: first.fqdn, addresses: [], key: "ec", days: 365, nowMs },
  });
  const rude = await listening(createPlainServer((socket) => socket.end("hello")));
  const { problems } = await read(ca, narrow, await serve(narrow, ca), rude);
  expect(problems).toEqual([
    expect.stringMatching(/^what chainfire .* does not name .*10\.0\./),
    expect.stringMatching(/^flaredb .* shows no certificate: 127\.0\.0\.1:\d+/),
  ]);
});
