// The product's own IPMI client against the BMC simulator, in health and with each of its faults.

import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import type { Bmc } from "../../src/bmc/bmc.ts";
import { systemClock } from "../../src/bmc/clock.ts";
import { createIpmi } from "../../src/bmc/ipmi/driver.ts";
import { createLink } from "../../src/bmc/ipmi/link.ts";
import { createUdpPeers } from "../../src/bmc/ipmi/udp.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { Secret } from "../../src/net/secret.ts";
import type { Faults } from "../../vm-harness/bmc/faults.ts";
import type { Simulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { bmcKey, machine, password, useSimulators } from "./bmc-simulator-host.ts";

const bmcs = useSimulators();
const peers = createUdpPeers();
const opened: Bmc[] = [];

afterEach(async () => {
  Object.assign(bmcs.plain.faults, { dead: false });
  await Promise.all(opened.splice(0).map((bmc) => bmc.close()));
});
afterAll(() => peers.close());

interface Over {
  readonly cipherSuite?: 3 | 17 | "best";
  readonly user?: string;
  readonly password?: Secret;
  readonly bmcKey?: Secret;
}

function connect(over: Over = {}, { address, port }: Simulator = bmcs.plain): Bmc {
  const target = { address: address as Ipv4, port, user: "admin", cipherSuite: "best" as const };
  const link = createLink((receive) => peers.connect(address as Ipv4, port, receive), systemClock);
  const settings = { ...target, password: new Secret(password), ...over };
  const bmc = createIpmi(settings, link, systemClock);
  opened.push(bmc);
  return bmc;
}

describe.each([3, 17, "best"] as const)("with cipher suite %s", (cipherSuite) => {
  test("power, boot override, description, sensors and events", async () => {
    const bmc = connect({ cipherSuite });
    const wanted = { device: "pxe", persistent: true, uefi: true } as const;
    expect(await bmc.setBootOverride(wanted)).toEqual(wanted);
    expect(machine.boot).toEqual(wanted);
    await bmc.power("on");
    expect(await bmc.powerState()).toBe("on");
    expect(await bmc.describe()).toMatchObject({
      firmware: machine.description.bmcFirmware,
      uuid: machine.description.uuid,
      serial: machine.description.serial,
    });
    const fan = (await bmc.sensors()).find(({ name }) => name === "Fan 1");
    expect(fan).toEqual({ name: "Fan 1", value: 5400, unit: "RPM", health: "ok" });
    machine.log.push({ id: 1, timeMs: 1000, severity: "critical", message: "Fan 1 failed" });
    expect(await bmc.events()).toMatchObject([{ severity: "critical" }]);
    await bmc.clearEvents();
    expect(machine.log).toEqual([]);
  });

  test("the serial console", async () => {
    const bmc = connect({ cipherSuite });
    bmcs.plain.faults.consoleTakes = 5;
    const serial = await bmc.openConsole({ takeOver: false });
    let seen = "";
    const reading = (async () => {
      for await (const data of serial.output) seen += data.toString();
    })();
    await serial.write(Buffer.from("a longer line, of which five octets are taken at a time\r"));
    await vi.waitUntil(() => seen.endsWith("at a time\r"));
    expect(seen).toBe("a longer line, of which five octets are taken at a time\r");
    await serial.sendBreak();
    await vi.waitUntil(() => seen.endsWith("<break>\r\n"));
    await serial.close();
    await reading;
  });
});

test("a key of the BMC's own", async () => {
  expect(await connect({ bmcKey: new Secret(bmcKey) }, bmcs.keyed).powerState()).toBe("off");
  await expect(connect({}, bmcs.keyed).powerState()).rejects.toMatchObject({
    kind: "authentication",
  });
});

test("a new password of twenty octets", async () => {
  const bmc = connect();
  const long = "canary-of-twenty-oct";
  await bmc.setPassword(new Secret(long));
  expect(machine.users[0]?.password).toBe(long);
  expect(await connect({ password: new Secret(long) }).powerState()).toBe("off");
});

test("a console that somebody else has is taken over only when asked", async () => {
  const first = await connect().openConsole({ takeOver: false });
  const ended = expect(
    (async () => {
      for await (const _ of first.output) expect.unreachable();
    })(),
  ).rejects.toThrow();
  const other = connect();
  await expect(other.openConsole({ takeOver: false })).rejects.toMatchObject({ kind: "busy" });
  const second = await other.openConsole({ takeOver: true });
  await ended;
  await second.close();
});

test.each<[string, Over, string]>([
  ["a wrong password", { password: new Secret("wrong") }, "authentication"],
  ["an unknown user", { user: "nobody" }, "authentication"],
])("%s is an error of authentication", async (_, over, kind) => {
  await expect(connect(over).powerState()).rejects.toMatchObject({ kind });
  expect(bmcs.plain.sessionCount()).toBe(0);
});

describe.each<[string, Partial<Faults>, string]>([
  ["nothing", {}, "on"],
  ["lost datagrams", { dropIn: 0.1, dropOut: 0.1 }, "on"],
  ["doubled datagrams", { duplicates: true }, "on"],
  ["slow answers", { delayMs: 400 }, "on"],
  ["a busy controller", { refusals: 2 }, "on"],
  ["no free session", { outOfSessions: true }, "busy"],
  ["wrong sequence numbers", { wrongSequence: true }, "timeout"],
  ["a dead BMC", { dead: true }, "unreachable"],
])("with %s", (_, faults, expected) => {
  test(`power on ends in "${expected}", and the machine starts at most once`, async () => {
    const starts = vi.fn();
    const end = machine.listenConsole(starts);
    const bmc = connect();
    // Faults of the handshake are met by a client without a session.
    if (faults.refusals !== undefined) await bmc.powerState();
    Object.assign(bmcs.plain.faults, faults);
    const ended = bmc.power("on").then(
      () => bmc.powerState(),
      (error: unknown) => (error as { kind?: string }).kind,
    );
    expect(await ended).toBe(expected);
    end();
    expect(starts.mock.calls.length).toBe(machine.power() === "on" ? 1 : 0);
  });
});

test("a BMC that restarts in the middle of a cycle does not do it twice", {
  timeout: 60_000,
}, async () => {
  const bmc = connect();
  await bmc.power("on");
  const before = machine.actions.length;
  // The state is read before: the second command is the cycle itself.
  Object.assign(bmcs.plain.faults, { rebootsAfter: 2, rebootSeconds: 1 });
  await expect(bmc.power("cycle")).rejects.toMatchObject({ kind: "timeout" });
  expect(machine.actions.slice(before)).toEqual(["cycle"]);
  expect(await bmc.powerState()).toBe("on");
});
