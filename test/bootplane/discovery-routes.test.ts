import { expect, onTestFinished, test } from "vitest";
import type { Mac } from "../../src/net/mac.ts";
import {
  activeMac,
  activeSerial,
  cardMac,
  retiredMac,
  testBootPlane,
  unknownMac,
} from "../fakes/boot-plane.ts";
import { reportedMac, reportJson } from "../fakes/machine-report.ts";

async function plane() {
  const started = await testBootPlane();
  onTestFinished(() => started.close());
  started.discoveryAllowed = true;
  started.standing = { kind: "given", to: unknownMac };
  const post = async (path: string, body: unknown) =>
    await started.app.inject({
      method: "POST",
      url: `/boot/discovery/${path}`,
      headers: { "content-type": "application/json" },
      payload: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { started, post, report: (body: unknown = reportJson()) => post("report", body) };
}

const signal = { version: 1, bootMac: reportedMac };

test("a machine in no inventory reports from its own address, and then says that it waits", async () => {
  const { started, post, report } = await plane();
  expect((await post("alive", signal)).statusCode).toBe(409);
  const answer = await report();
  expect([answer.statusCode, answer.json()]).toEqual([200, { state: "waiting" }]);
  expect(started.reports).toEqual([{ address: "127.0.0.1", mac: unknownMac }]);
});

test("where the site does not allow the image there is nobody to report to", async () => {
  const { started, post, report } = await plane();
  started.discoveryAllowed = false;
  expect((await report()).statusCode).toBe(404);
  expect((await post("alive", signal)).statusCode).toBe(404);
  expect(started.reports).toEqual([]);
});

test.each([
  ["an address that nobody was given", { kind: "not-given" } as const],
  ["an address that another server may have given", { kind: "not-heard" } as const],
  ["the address of another machine", { kind: "given", to: "52:54:00:00:00:77" as Mac } as const],
])("nothing is taken from %s", async (_what, standing) => {
  const { started, report } = await plane();
  started.standing = standing;
  expect((await report()).statusCode).toBe(403);
  expect(started.reports).toEqual([]);
});

test("the facts of a declared machine are not taken, and its signal is answered with its name", async () => {
  const { started, post, report } = await plane();
  await report();
  started.standing = { kind: "given", to: activeMac };
  const own = reportJson({ bootMac: activeMac });
  expect((await report(own)).statusCode).toBe(409);
  expect(started.reports).toHaveLength(1);
  started.reports.push({ address: "127.0.0.1", mac: activeMac });
  const answer = await post("alive", { version: 1, bootMac: activeMac });
  expect(answer.json()).toEqual({ state: "accepted", node: "node02" });
});

test.each([
  ["another card of a declared node", cardMac, {}, "this card is one of node node02"],
  ["a retired machine", retiredMac, {}, "this machine is retired"],
  [
    "a machine with the serial number of a declared node",
    unknownMac,
    { system: { serial: activeSerial } },
    "this serial number or UUID is that of node node02",
  ],
])("the report of %s is refused, and nothing of it kept", async (_who, mac, changes, error) => {
  const { started, report } = await plane();
  started.standing = { kind: "given", to: mac };
  const answer = await report(reportJson({ ...changes, bootMac: mac }));
  expect([answer.statusCode, answer.json()]).toEqual([409, { error }]);
  expect(started.reports).toEqual([]);
});

test("a retired machine does not wait, and one that reported by a card that a node has since is told its name", async () => {
  const { started, post } = await plane();
  const signalOf = (mac: Mac) => {
    started.reports.push({ address: "127.0.0.1", mac });
    started.standing = { kind: "given", to: mac };
    return post("alive", { version: 1, bootMac: mac });
  };
  expect((await signalOf(retiredMac)).statusCode).toBe(409);
  expect((await signalOf(cardMac)).json()).toEqual({ state: "accepted", node: "node02" });
});

test("a second report within seconds is too much", async () => {
  const { report } = await plane();
  expect((await report()).statusCode).toBe(200);
  expect((await report()).statusCode).toBe(429);
});

test.each<[string, unknown, number]>([
  ["no JSON", "{", 400],
  ["no report", { version: 1 }, 400],
  ["a report with more in it", reportJson({ command: "reboot" }), 400],
  ["a body of more than 64 KiB", JSON.stringify({ long: "x".repeat(70_000) }), 413],
])("%s is its sender's fault, and none that an operator is told", async (_what, body, status) => {
  const { started, report } = await plane();
  expect((await report(body)).statusCode).toBe(status);
  expect(started.reports).toEqual([]);
  expect(started.logs.join()).not.toContain('"level":50');
});

test("no other path takes a body", async () => {
  const { started } = await plane();
  for (const url of ["/boot/discovery/other", "/boot/ipxe/boot.ipxe", "/health"]) {
    const answer = await started.app.inject({ method: "POST", url, payload: "x" });
    expect(answer.statusCode).toBe(404);
  }
});

test("its script starts the image in its name, from its own address alone", async () => {
  const { started } = await plane();
  const script = async () =>
    (await started.app.inject(`/boot/nodes/${unknownMac}/boot.ipxe`)).payload;
  const own = await script();
  expect(own).toContain("http://10.0.100.10:8080/boot/nixos/control-plane/bzImage?set=");
  expect(own).toContain(
    `rackstrap.report=http://10.0.100.10:8080/boot/discovery/report rackstrap.mac=${unknownMac}`,
  );
  expect(own).not.toContain("nonce");
  expect(started.events.at(-1)).toMatchObject({ kind: "boot-script-served", plan: "discovery" });
  started.standing = { kind: "given", to: activeMac };
  expect(await script()).not.toContain("bzImage");
  expect(started.events.at(-1)).toMatchObject({ kind: "boot-refused" });
});
