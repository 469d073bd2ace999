// The driver with simulated BMCs of each maker, well and in one piece.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { createRedfish } from "../../../src/bmc/redfish/driver.ts";
import { Secret } from "../../../src/net/secret.ts";
import type { MakerName } from "../../../vm-harness/bmc/redfish-makers.ts";
import { limits, simulate, testClock } from "./simulated.ts";

const makers: readonly MakerName[] = ["plain", "ami", "dell", "hpe", "lenovo", "supermicro"];

describe.each(makers)("a BMC like %s", (maker) => {
  test("takes a boot override for the next boot, which uses it up", async () => {
    const { bmc, machine, close } = await simulate(maker);
    const wanted = { device: "pxe", persistent: false, uefi: maker !== "hpe" } as const;
    expect(await bmc.setBootOverride(wanted)).toEqual(wanted);
    expect(machine.boot).toEqual(wanted);
    await bmc.power("on");
    expect(await bmc.bootOverride()).toMatchObject({ device: "none", persistent: false });
    await close();
  });

  test("keeps its boot mode from one change to the next", async () => {
    const { bmc, machine, close } = await simulate(maker);
    machine.boot.uefi = true;
    await bmc.setBootOverride({ device: "pxe", persistent: true, uefi: true });
    await bmc.setBootOverride({ device: "none", persistent: false, uefi: true });
    expect(machine.boot).toEqual({ device: "none", persistent: false, uefi: true });
    await close();
  });

  test.each(["disk", "cdrom", "bios", "none"] as const)("boots from %s", async (device) => {
    const { bmc, close } = await simulate(maker);
    const wanted = { device, persistent: device !== "none", uefi: maker !== "hpe" };
    expect(await bmc.setBootOverride(wanted)).toEqual(wanted);
    expect(await bmc.bootOverride()).toEqual(wanted);
    await close();
  });

  test("is switched with what it has", async () => {
    const { bmc, machine, close } = await simulate(maker);
    for (const action of ["on", "cycle", "reset", "soft", "on", "off"] as const)
      await bmc.power(action);
    const cycle = maker === "hpe" ? "reset" : "cycle";
    expect(machine.actions).toEqual(["on", cycle, "reset", "soft", "on", "off"]);
    expect(await bmc.powerState()).toBe("off");
    await close();
  });

  test("says who it is, its firmware and its sensors", async () => {
    const { bmc, close } = await simulate(maker);
    expect(await bmc.describe()).toEqual({
      protocol: "Redfish 1.11.0",
      manufacturer: "rackstrap",
      model: "Virtual Server",
      serial: "SN-node01",
      firmware: "1.02",
      uuid: "3f2b8a10-52d4-4c1e-9d0a-525400123456",
    });
    expect(await bmc.firmwareVersions()).toEqual([
      { name: "BMC", version: "1.02" },
      { name: "BIOS", version: "2.16" },
    ]);
    expect(await bmc.sensors()).toEqual([
      { name: "Inlet Temp", value: 23, unit: "degrees C", health: "ok" },
      { name: "CPU Temp", value: 51, unit: "degrees C", health: "ok" },
      { name: "Fan 1", value: 5400, unit: "RPM", health: "ok" },
      { name: "12V", value: 12, unit: "Volts", health: "ok" },
    ]);
    await close();
  });

  test("gives its log, over several pages, and clears it", async () => {
    const { bmc, machine, close } = await simulate(maker);
    for (let id = 1; id <= 120; id += 1)
      machine.log.push({
        id,
        timeMs: Date.UTC(2026, 0, 1, 0, id),
        severity: "warning",
        message: `fan ${id}`,
      });
    const events = await bmc.events();
    expect(events).toHaveLength(120);
    expect(events[119]).toEqual({
      id: "120",
      time: "2026-01-01T02:00:00.000Z",
      severity: "warning",
      message: "fan 120",
    });
    await bmc.clearEvents();
    expect(await bmc.events()).toEqual([]);
    await close();
  });

  test("takes an image in place of another, and gives it back", async () => {
    const { bmc, machine, close } = await simulate(maker);
    const media = bmc.virtualMedia;
    await media?.insert("http://10.0.10.1/a.iso");
    await media?.insert("http://10.0.10.1/b.iso");
    expect(machine.media).toBe("http://10.0.10.1/b.iso");
    expect(await media?.inserted()).toBe("http://10.0.10.1/b.iso");
    await media?.eject();
    await media?.eject();
    expect(await media?.inserted()).toBeUndefined();
    await close();
  });

  test("lights its lamp for as long as it was told", async () => {
    const { bmc, machine, server, clock, close } = await simulate(maker);
    await bmc.identify(90);
    expect(machine.identifyUntilMs).toBeGreaterThan(clock.now());
    clock.pass(90_000);
    await expect.poll(() => machine.identifyUntilMs).toBe(0);
    expect(server.requests.at(-1)).toMatch(/^PATCH/);
    await close();
  });

  test("takes a new password, which is used from then on", async () => {
    const { bmc, machine, server, close } = await simulate(maker);
    await bmc.setPassword(new Secret("a-longer-one"));
    expect(machine.users[0]?.password).toBe("a-longer-one");
    Object.assign(server.faults, { forgetSessions: 1 });
    expect(await bmc.powerState()).toBe("off");
    await close();
    expect(server.sessions()).toBe(0);
  });
});

describe("sessions", () => {
  test("one is opened for many calls, and given back after a minute of silence", async () => {
    const { bmc, server, clock, close } = await simulate();
    for (let calls = 0; calls < 5; calls += 1) await bmc.powerState();
    expect(server.requests.filter((asked) => asked.startsWith("POST"))).toHaveLength(1);
    expect(server.sessions()).toBe(1);
    clock.pass(60_000);
    await expect.poll(() => server.sessions()).toBe(0);
    expect(await bmc.powerState()).toBe("off");
    await close();
    expect(server.sessions()).toBe(0);
  });

  test("the password goes with each request where the settings say so", async () => {
    const { bmc, server, close } = await simulate("plain", {
      settings: { authentication: "basic" },
    });
    expect(await bmc.powerState()).toBe("off");
    expect(server.requests.some((asked) => asked.startsWith("POST"))).toBe(false);
    await close();
  });

  test.each(["session", "basic"] as const)("a wrong password is told apart: %s", async (how) => {
    const { bmc, server, close } = await simulate("plain", {
      settings: { authentication: how, password: new Secret("wrong") },
    });
    await expect(bmc.powerState()).rejects.toMatchObject({ kind: "authentication" });
    // A second try with it would bring the account nearer to being locked.
    expect(server.requests).toHaveLength(2);
    await close();
  });
});

test("a system that is not there is named with those that are", async () => {
  const { bmc, close } = await simulate("plain", { settings: { system: "2" } });
  await expect(bmc.powerState()).rejects.toThrow('it has no system "2"; it has: 1');
  await close();
});

test("a boot mode that is wanted and not there is unsupported", async () => {
  const { bmc, close } = await simulate("hpe");
  const kept = await bmc.setBootOverride({ device: "pxe", persistent: false, uefi: true });
  expect(kept).toEqual({ device: "pxe", persistent: false, uefi: false });
  await close();
});

test("a serial console is opened over IPMI where the settings have it", async () => {
  const wanted = { output: [], write: async () => {} };
  const ipmi = { openConsole: async () => wanted as never, close: async () => {} };
  const { bmc, close } = await simulate("plain", { options: { ipmi } });
  expect(await bmc.openConsole()).toBe(wanted);
  await close();
});

test("a serial console without IPMI is unsupported, with the ways that there are", async () => {
  const { bmc, close } = await simulate();
  await expect(bmc.openConsole()).rejects.toMatchObject({
    kind: "unsupported",
    message: expect.stringContaining("this BMC offers it by SSH, IPMI"),
  });
  await close();
});

test("no password or token is in what a BMC is made to say of them", async () => {
  const { bmc, server, close } = await simulate();
  await bmc.powerState();
  const refusals = [
    bmc.setPassword(new Secret("short")),
    bmc.setBootOverride({ device: "pxe", persistent: false, uefi: true }),
  ];
  server.faults.forgetBoot = true;
  for (const refusal of await Promise.allSettled(refusals)) {
    expect(refusal.status).toBe("rejected");
    expect(inspect(refusal, { depth: 9, showHidden: true })).not.toMatch(/secret|short/);
  }
  await close();
});

/** A BMC that answers each path from a table, and says what it was asked. */
async function scripted(
  answers: Readonly<
    Record<string, { status?: number; headers?: Record<string, string>; body?: unknown }>
  >,
) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.headers.host} ${request.url}`);
    const { status = 200, headers = {}, body } = answers[request.url ?? ""] ?? { status: 404 };
    response.writeHead(status, headers).end(body === undefined ? "" : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const bmc = createRedfish(
    {
      address: "127.0.0.1",
      port,
      user: "admin",
      password: new Secret("secret"),
      authentication: "basic",
      trust: { insecure: "http" },
    },
    testClock(),
    { limits },
  );
  const close = async () => {
    await bmc.close();
    server.closeAllConnections();
    server.close();
  };
  return { bmc, asked, port, close };
}

describe("links that lead elsewhere", () => {
  test.each(["http://192.0.2.1/redfish/v1/Systems", "//192.0.2.1/redfish/v1/Systems", "/other"])(
    "%s is not followed",
    async (link) => {
      const { bmc, asked, close } = await scripted({
        "/redfish/v1/": { body: { Systems: { "@odata.id": link } } },
      });
      await expect(bmc.powerState()).rejects.toMatchObject({
        kind: "protocol",
        message: expect.stringContaining("leads out of /redfish/"),
      });
      expect(asked).toHaveLength(1);
      await close();
    },
  );

  test("a redirect is not followed", async () => {
    const { bmc, asked, close } = await scripted({
      "/redfish/v1/": { status: 302, headers: { location: "http://192.0.2.1/" } },
    });
    await expect(bmc.powerState()).rejects.toMatchObject({ kind: "protocol" });
    expect(asked).toHaveLength(1);
    await close();
  });
});

test("an answer without end is cut", async () => {
  const body = { Systems: { "@odata.id": "x".repeat(5 * 1024 * 1024) } };
  const { bmc, close } = await scripted({ "/redfish/v1/": { body } });
  await expect(bmc.powerState()).rejects.toThrow("it answered more than 4194304 bytes");
  await close();
});

test("a resource of another shape is told with its path", async () => {
  const { bmc, close } = await scripted({ "/redfish/v1/": { body: { Systems: 7 } } });
  await expect(bmc.powerState()).rejects.toThrow(
    '/redfish/v1/ is not as Redfish has it (at "Systems")',
  );
  await close();
});

test("nobody at the address is unreachable", async () => {
  const { bmc, server } = await simulate();
  await server.close();
  await expect(bmc.powerState()).rejects.toMatchObject({ kind: "unreachable" });
  await bmc.close();
});
