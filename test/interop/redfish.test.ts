// The simulated Redfish service with two clients that others wrote, Debian's redfishtool and sushy, and our own driver on the same one.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/bmc/clock.ts";
import { createRedfish } from "../../src/bmc/redfish/driver.ts";
import { Secret } from "../../src/net/secret.ts";
import { createMemoryMachine, type SimulatedMachine } from "../../vm-harness/bmc/machine.ts";
import type { MakerName } from "../../vm-harness/bmc/redfish-makers.ts";
import { createRedfishServer, type RedfishServer } from "../../vm-harness/bmc/redfish-server.ts";
import { requireTools } from "./host.ts";

const run = promisify(execFile);
const makers: readonly MakerName[] = ["plain", "ami", "dell", "hpe", "lenovo", "supermicro"];
// The test's own bundle of authorities would make python-requests check certificates that it is told not to.
const environment = { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" };

let machine: SimulatedMachine;
let server: RedfishServer;

beforeAll(async () => {
  await requireTools({ redfishtool: "redfishtool" });
  await run("/usr/bin/python3", ["-c", "import sushy"]).catch(() => {
    throw new Error("sushy is missing: install the Debian package python3-sushy");
  });
});

async function start(maker: MakerName) {
  machine = createMemoryMachine("node01");
  server = await createRedfishServer(machine, { maker });
}

async function redfishtool(...args: readonly string[]): Promise<string> {
  const host = ["-r", `${server.address}:${server.port}`, "-u", "admin", "-S", "Always"];
  const argv = [...host, "-p", "secret", ...args];
  return (await run("redfishtool", argv, { env: environment })).stdout;
}

describe.each(["Basic", "Session"])("redfishtool with %s authentication", (how) => {
  beforeAll(() => start("plain"));
  afterAll(() => server.close());
  const system = (...args: readonly string[]) => redfishtool("-A", how, "Systems", "-F", ...args);

  test("reads root, system, manager and chassis", async () => {
    expect(JSON.parse(await redfishtool("-A", how, "root"))).toMatchObject({
      RedfishVersion: "1.11.0",
    });
    expect(JSON.parse(await system())).toMatchObject({ Id: "1", PowerState: "Off" });
    expect(JSON.parse(await redfishtool("-A", how, "Managers", "-F"))).toMatchObject({
      FirmwareVersion: "1.02",
    });
    const thermal = JSON.parse(await redfishtool("-A", how, "Chassis", "-F", "Thermal"));
    expect(thermal).toMatchObject({ Fans: [{ Name: "Fan 1", Reading: 5400 }] });
  });

  test("switches the power", async () => {
    await system("reset", "On");
    expect(machine.power()).toBe("on");
    await system("reset", "ForceOff");
    expect(machine.actions).toEqual(["on", "off"]);
  });

  test("sets the boot override", async () => {
    await system("setBootOverride", "Once", "Pxe");
    expect(machine.boot).toMatchObject({ device: "pxe", persistent: false });
    await system("setBootOverride", "Continuous", "Hdd");
    expect(machine.boot).toMatchObject({ device: "disk", persistent: true });
    await system("setBootOverride", "Disabled", "None");
    expect(machine.boot).toMatchObject({ device: "none" });
  });

  test("is refused with a wrong password", async () => {
    await expect(redfishtool("-A", how, "-p", "wrong", "Systems")).rejects.toThrow();
  });

  test("leaves no session behind", () => {
    expect(server.sessions()).toBe(0);
  });
});

describe.each(makers)("a service like that of %s", (maker) => {
  beforeAll(() => start(maker));
  afterAll(() => server.close());

  test("is read and switched by sushy", async () => {
    const { stdout } = await run("/usr/bin/python3", ["-c", sushyClient, `${server.port}`], {
      env: environment,
    });
    expect(JSON.parse(stdout)).toEqual({
      power: ["Off", "On", "Off"],
      uuid: machine.description.uuid.toUpperCase(),
      firmware: ["BIOS", "BMC"],
      manager: "1.02",
    });
    expect(machine.actions).toEqual(["on", "off"]);
    if (maker !== "hpe") expect(machine.boot).toMatchObject({ device: "pxe", uefi: true });
  });

  test("is driven by our own driver over TLS with a pinned certificate", async () => {
    const bmc = createRedfish(
      {
        address: server.address,
        port: server.port,
        user: "admin",
        password: new Secret("secret"),
        authentication: "session",
        trust: { fingerprint: server.fingerprint },
      },
      systemClock,
    );
    await bmc.setBootOverride({ device: "pxe", persistent: false, uefi: true });
    await bmc.power("on");
    expect(await bmc.powerState()).toBe("on");
    expect(machine.boot.device).toBe("none");
    await bmc.close();
    expect(machine.actions).toEqual(["on", "off", "on"]);
    expect(server.sessions()).toBe(0);
  });
});

const sushyClient = `
import json, sys, warnings
import sushy
from sushy import auth
warnings.simplefilter("ignore")
url = "https://127.0.0.1:%s/redfish/v1" % sys.argv[1]
client = sushy.Sushy(url, auth=auth.SessionAuth("admin", "secret"), verify=False)
system = client.get_system_collection().get_members()[0]
power = [system.power_state.value]
for reset in (sushy.ResetType.ON, sushy.ResetType.FORCE_OFF):
    system.reset_system(reset)
    system.refresh(force=True)
    power.append(system.power_state.value)
try:
    system.set_system_boot_options(
        target=sushy.BootSource.PXE,
        enabled=sushy.BootSourceOverrideEnabled.ONCE,
        mode=sushy.BootSourceOverrideMode.UEFI)
except sushy.exceptions.BadRequestError as error:
    if "BootSourceOverrideMode is read only" not in str(error):
        raise
inventory = client.get_update_service().firmware_inventory.get_members()
print(json.dumps({
    "power": power,
    "uuid": system.uuid,
    "firmware": sorted(one.identity for one in inventory),
    "manager": client.get_manager_collection().get_members()[0].firmware_version,
}))
client._auth.close()
`;
