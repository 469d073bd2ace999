// The simulated BMC without a socket, in virtual time: sessions, their limits, its faults, and what it makes of nonsense.

import { expect, test } from "vitest";
import { type BmcFailureKind, bmcError } from "../../src/bmc/bmc.ts";
import * as chassis from "../../src/bmc/ipmi/chassis.ts";
import { cipherSuite } from "../../src/bmc/ipmi/cipher-suites.ts";
import { createLink } from "../../src/bmc/ipmi/link.ts";
import { completionCodes, netFns } from "../../src/bmc/ipmi/message.ts";
import { decodeDatagram, encodeRmcpPlus, payloadTypes } from "../../src/bmc/ipmi/packet.ts";
import * as rakp from "../../src/bmc/ipmi/rakp.ts";
import { openSession } from "../../src/bmc/ipmi/session.ts";
import { Secret } from "../../src/net/secret.ts";
import { noFaults } from "../../vm-harness/bmc/faults.ts";
import { createController } from "../../vm-harness/bmc/ipmi/controller.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";

const peer = { address: "192.0.2.1", port: 40_000 };
const minuteMs = 60_000;
const fail = (kind: BmcFailureKind, said: string) => bmcError(kind, "the BMC", said);

function setUp(sessions = 2) {
  const machine = createMemoryMachine("node01");
  const faults = noFaults();
  const time = { now: 1_000_000 };
  const settings = {
    ...{ suites: [17, 3] as const, bmcKey: undefined },
    ...{ guid: Buffer.alloc(16, 7), users: machine.users },
  };
  const controller = createController({
    ...{ machine, settings, sessions, faults, port: 623 },
    failed: () => expect.unreachable(),
  });
  const sent: Buffer[] = [];
  // Waiting in vain is what makes time pass.
  const clock = {
    now: () => time.now,
    sleep: async (ms: number, signal: AbortSignal) => {
      await new Promise(setImmediate);
      if (!signal.aborted) time.now += ms;
    },
  };
  const link = () =>
    createLink(
      (receive) => ({
        send: (datagram) => {
          sent.push(datagram);
          for (const out of controller.receive(datagram, peer, time.now)) receive(out.datagram);
        },
        close: () => undefined,
      }),
      clock,
    );
  const login = (user = "admin", password = "secret", suite: 3 | 17 = 17) =>
    openSession(link(), { user, password: new Secret(password) }, suite, fail);
  return { machine, faults, time, controller, sent, login };
}

test.each([3, 17] as const)("a session of suite %i does what it is asked", async (suite) => {
  const { machine, controller, time, login } = setUp();
  const session = await login("admin", "secret", suite);
  expect((await session.request(chassis.chassisControl("on"), [1]))?.completion).toBe(0);
  expect(machine.power()).toBe("on");
  expect(controller.sessionCount(time.now)).toBe(1);
  await session.close();
  expect(controller.sessionCount(time.now)).toBe(0);
});

test("a session that says nothing for a minute is gone", async () => {
  const { time, login } = setUp();
  const session = await login();
  time.now += minuteMs;
  expect(await session.request(chassis.getChassisStatus, [1])).toBeDefined();
  time.now += minuteMs + 1;
  expect(await session.request(chassis.getChassisStatus, [1])).toBeUndefined();
});

test("there are so many sessions and no more, until one is closed", async () => {
  const { login } = setUp(2);
  const [first] = [await login(), await login()];
  await expect(login()).rejects.toMatchObject({ kind: "busy" });
  await first?.close();
  await login();
});

test("consoles that gave up half-way take no session from others", async () => {
  const { login } = setUp(1);
  for (let times = 0; times < 3; times += 1)
    await expect(login("admin", "wrong")).rejects.toMatchObject({ kind: "authentication" });
  await login();
});

test("a datagram that comes twice is answered once", async () => {
  const { controller, machine, sent, time, login } = setUp();
  const session = await login();
  await session.request(chassis.chassisControl("on"), [1]);
  const last = sent.at(-1) ?? Buffer.alloc(0);
  expect(controller.receive(last, peer, time.now)).toEqual([]);
  expect(machine.actions).toEqual(["on"]);
});

test.each<[string, Parameters<ReturnType<typeof setUp>["login"]>, string]>([
  ["a wrong password", ["admin", "wrong"], "authentication"],
  ["an unknown name", ["nobody", "secret"], "authentication"],
  ["an administrator's level for one who may only look", ["guest", "guest"], "authentication"],
  ["a user who is switched off", ["gone", "gone"], "authentication"],
])("%s is refused", async (_, [user, password], kind) => {
  const { machine, login } = setUp();
  const other = { administrator: false, enabled: true };
  machine.users.push({ id: 3, name: "guest", password: "guest", ...other });
  machine.users.push({ id: 4, name: "gone", password: "gone", ...other, enabled: false });
  await expect(login(user, password)).rejects.toMatchObject({ kind });
});

const suite17 = cipherSuite(17);
const openRequest = { tag: 1, role: 4, consoleSessionId: 5, algorithms: suite17 };
const rakp1 = { tag: 1, consoleRandom: Buffer.alloc(16), role: 0x14, user: "admin" };

/** The answer to a message that opens a session, behind its RMCP+ header. */
function ask({ controller, time }: ReturnType<typeof setUp>, payloadType: number, payload: Buffer) {
  const datagram = encodeRmcpPlus({ payloadType, sessionId: 0, sequence: 0 }, payload);
  const [answer] = controller.receive(datagram, peer, time.now);
  const packet = decodeDatagram(answer?.datagram ?? Buffer.alloc(0));
  return "payload" in packet ? packet.payload : Buffer.alloc(0);
}

function openStatus(over: Partial<rakp.OpenSessionRequest>): number | undefined {
  const payload = rakp.encodeOpenSessionRequest({ ...openRequest, ...over });
  return ask(setUp(), payloadTypes.openSessionRequest, payload)[1];
}

function rakp1Status(over: Partial<rakp.Rakp1>): number | undefined {
  const bmc = setUp();
  const opened = rakp.decodeOpenSessionResponse(
    ask(bmc, payloadTypes.openSessionRequest, rakp.encodeOpenSessionRequest(openRequest)),
  );
  const bmcSessionId = "bmcSessionId" in opened ? opened.bmcSessionId : 0;
  return ask(bmc, payloadTypes.rakp1, rakp.encodeRakp1({ ...rakp1, bmcSessionId, ...over }))[1];
}

const { rakpStatus: status } = rakp;

test.each<[string, () => number | undefined, number]>([
  ["a good request", () => openStatus({}), status.ok],
  ["a role that there is not", () => openStatus({ role: 6 }), status.invalidRole],
  [
    "suite 0",
    () => openStatus({ algorithms: { authentication: 0, integrity: 0, confidentiality: 0 } }),
    status.noCipherSuiteMatch,
  ],
  [
    "an unknown authentication",
    () => openStatus({ algorithms: { ...suite17, authentication: 9 } }),
    status.invalidAuthentication,
  ],
  [
    "an unknown integrity algorithm",
    () => openStatus({ algorithms: { ...suite17, integrity: 9 } }),
    status.invalidIntegrity,
  ],
  [
    "an unknown encryption",
    () => openStatus({ algorithms: { ...suite17, confidentiality: 9 } }),
    status.invalidConfidentiality,
  ],
  ["a good name", () => rakp1Status({}), status.ok],
  ["a session that there is not", () => rakp1Status({ bmcSessionId: 1 }), status.invalidSessionId],
  ["role 0 in RAKP 1", () => rakp1Status({ role: 0x10 }), status.invalidRole],
  ["an unknown name", () => rakp1Status({ user: "nobody" }), status.unauthorizedName],
  ["the level of an OEM", () => rakp1Status({ role: 0x15 }), status.unauthorizedRole],
])("%s is answered with its RMCP+ status", (_, answer, expected) => {
  expect(answer()).toBe(expected);
});

test.each([
  ["an unknown command", netFns.app, 0x7e, completionCodes.invalidCommand],
  ["an unknown network function", 0x2c, 0x00, completionCodes.invalidCommand],
  ["too little data", netFns.chassis, 0x02, 0xc7],
])("%s has its completion code", async (_, netFn, command, expected) => {
  const session = await setUp().login();
  expect((await session.request({ netFn, command }, [1]))?.completion).toBe(expected);
});

test("what a machine was to do while it is off is refused", async () => {
  const { machine, login } = setUp();
  const session = await login();
  const response = await session.request(chassis.chassisControl("cycle"), [1]);
  expect(response?.completion).toBe(completionCodes.notInThisState);
  expect(machine.actions).toEqual([]);
});

test("a restart in the middle forgets every session and is silent for its time", async () => {
  const { faults, machine, time, login } = setUp();
  const session = await login();
  Object.assign(faults, { rebootsAfter: 1, rebootSeconds: 2 });
  const began = time.now;
  expect(await session.request(chassis.chassisControl("on"), [1])).toBeUndefined();
  expect(machine.actions).toEqual(["on"]);
  await expect(login()).resolves.toBeDefined();
  expect(time.now - began).toBeGreaterThanOrEqual(2000);
  expect(await session.request(chassis.getChassisStatus, [1])).toBeUndefined();
});

test("a cold reset is answered, and then the BMC is silent for its time", async () => {
  const { controller, faults, sent, time, login } = setUp();
  faults.rebootSeconds = 5;
  const session = await login();
  const coldReset = { netFn: netFns.app, command: 0x02 };
  expect((await session.request(coldReset, [1]))?.completion).toBe(0);
  const opening = sent[0] ?? Buffer.alloc(0);
  expect(controller.receive(opening, peer, time.now + 4999)).toEqual([]);
  expect(controller.receive(opening, peer, time.now + 5000)).toHaveLength(1);
  expect(controller.sessionCount(time.now)).toBe(0);
});

test("so many commands are refused, and the next one is not", async () => {
  const { faults, login } = setUp();
  const session = await login();
  Object.assign(faults, { refusals: 2, refusalCode: completionCodes.nodeBusy });
  const codes = [];
  for (let times = 0; times < 3; times += 1)
    codes.push((await session.request(chassis.getChassisStatus, [1]))?.completion);
  expect(codes).toEqual([0xc0, 0xc0, 0]);
});

test("every truncation and every change of a datagram is survived", async () => {
  const { controller, sent, time, login } = setUp();
  const session = await login();
  await session.request(chassis.chassisControl("on"), [1]);
  for (const datagram of [...sent]) {
    for (let length = 0; length < datagram.length; length += 1)
      controller.receive(datagram.subarray(0, length), peer, time.now);
    for (let offset = 0; offset < datagram.length; offset += 1) {
      const changed = Buffer.from(datagram);
      changed[offset] = 0xff - (changed[offset] ?? 0);
      controller.receive(changed, peer, time.now);
    }
  }
  expect((await session.request(chassis.getChassisStatus, [1]))?.completion).toBe(0);
});
