// The driver with a simulated BMC of each maker, well and in one piece.

import { describe, expect, test } from "vitest";
import { Secret } from "../../../src/net/secret.ts";
import type { MakerName } from "../../../vm-harness/bmc/redfish-makers.ts";
import { simulate } from "./simulated.ts";

const makers: readonly MakerName[] = ["plain", "ami", "dell", "hpe", "lenovo", "supermicro"];

describe.each(makers)("a BMC like %s boots and switches:", (maker) => {
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
});

describe.each(makers)("a BMC like %s says what it has:", (maker) => {
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
});

describe.each(makers)("a BMC like %s takes changes:", (maker) => {
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
