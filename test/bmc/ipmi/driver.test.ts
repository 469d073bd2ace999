// What the driver makes of a lost session, a lost answer and a refusal, in virtual time.

import { describe, expect, test } from "vitest";
import { BmcError } from "../../../src/bmc/bmc.ts";
import { changeFaults } from "../../../vm-harness/bmc/faults.ts";
import { ipmiRig } from "../../fakes/ipmi-rig.ts";

async function running(options: Parameters<typeof ipmiRig>[0] = {}) {
  const rig = ipmiRig(options);
  await rig.machine.act("on");
  await rig.clock.settle(rig.bmc.powerState());
  return rig;
}

const errorOf = async (promise: Promise<unknown>): Promise<BmcError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof BmcError) return error;
  throw new Error(`no BmcError but ${String(error)}`);
};

describe("a soft shutdown presses the button once", () => {
  test("though no answer comes", async () => {
    const { bmc, machine, faults, clock } = await running();
    // The state is read, and then the BMC does it and restarts.
    changeFaults(faults, { rebootsAfter: 2, rebootSeconds: 1 });
    const error = await clock.settle(errorOf(bmc.power("soft")));
    expect([error.kind, error.sent]).toEqual(["timeout", true]);
    expect(machine.actions).toEqual(["on", "soft"]);
  });

  test("and not at all when the machine is off", async () => {
    const { bmc, machine, clock } = ipmiRig();
    await clock.settle(bmc.power("soft"));
    expect(machine.actions).toEqual([]);
  });
});

describe("a failure says whether the command was sent", () => {
  test("not when no session could be opened", async () => {
    const { bmc, faults, clock } = ipmiRig();
    faults.dead = true;
    expect(await clock.settle(errorOf(bmc.power("on")))).toMatchObject({
      ...{ kind: "unreachable", sent: false },
    });
  });

  test("perhaps when the BMC fell silent in a session, though it can't be reached any more", async () => {
    const { bmc, faults, clock } = await running();
    faults.dead = true;
    expect(await clock.settle(errorOf(bmc.power("off")))).toMatchObject({
      ...{ kind: "timeout", sent: true },
    });
  });

  test("not when the breaker is open", async () => {
    const { bmc, faults, clock } = ipmiRig();
    faults.dead = true;
    for (let tries = 0; tries < 2; tries += 1) await clock.settle(errorOf(bmc.powerState()));
    const error = await clock.settle(errorOf(bmc.power("on")));
    expect(error.message).toContain("asked again in");
    expect(error.sent).toBe(false);
  });
});

describe("a BMC that does not say what it is before the login", () => {
  test("is logged in to all the same", async () => {
    const { bmc, faults, clock } = ipmiRig();
    changeFaults(faults, { refusals: 1, refusalCode: 0xc1 });
    expect(await clock.settle(bmc.powerState())).toBe("off");
  });

  test("and has not the better cipher suite is spoken to with the other", async () => {
    const getChannelCipherSuites = 0x54;
    let refused = 0;
    const { bmc, faults, clock } = ipmiRig({
      ...{ cipherSuite: "best", suites: [3] },
      hears: (datagram) => {
        // Without a session: RMCP, the header of IPMI 1.5, and then the message, whose sixth octet is the command.
        const asks = datagram[4] === 0 && datagram[19] === getChannelCipherSuites;
        if (asks) changeFaults(faults, { refusals: 1, refusalCode: 0xc1 });
        refused += asks ? 1 : 0;
        return true;
      },
    });
    expect(await clock.settle(bmc.powerState())).toBe("off");
    expect(refused).toBe(1);
  });
});

describe("a refusal of a change that is so already", () => {
  test.each(["on", "off"] as const)("is success: %s", async (target) => {
    const { bmc, machine, faults, clock } = await running();
    if (target === "off") await machine.act("off");
    changeFaults(faults, { refusals: 1, refusalCode: 0xd5 });
    await clock.settle(bmc.power(target));
  });

  test("is a failure when it is not so", async () => {
    const { bmc, faults, clock } = await running();
    changeFaults(faults, { refusals: 1, refusalCode: 0xd5 });
    expect((await clock.settle(errorOf(bmc.power("off")))).kind).toBe("unsupported");
  });
});
