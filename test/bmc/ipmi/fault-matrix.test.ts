// Every verb of the native client against a BMC with every fault, in virtual time: it ends in success or in the right kind of error,
// within its limit, and the machine is never switched twice.

import { describe, expect, test } from "vitest";
import { type Bmc, BmcError, type BmcFailureKind } from "../../../src/bmc/bmc.ts";
import { Secret } from "../../../src/net/secret.ts";
import { changeFaults, type Faults, noFaults } from "../../../vm-harness/bmc/faults.ts";
import { ipmiRig } from "../../fakes/ipmi-rig.ts";

const boot = { device: "pxe", persistent: false, uefi: true } as const;

const verbs: Readonly<Record<string, (bmc: Bmc) => Promise<unknown>>> = {
  "power status": (bmc) => bmc.powerState(),
  "power on": (bmc) => bmc.power("on"),
  "power off": (bmc) => bmc.power("off"),
  "power soft": (bmc) => bmc.power("soft"),
  "power cycle": (bmc) => bmc.power("cycle"),
  "power reset": (bmc) => bmc.power("reset"),
  "boot device": (bmc) => bmc.bootOverride(),
  "set boot device": (bmc) => bmc.setBootOverride(boot),
  identify: (bmc) => bmc.identify(5),
  describe: (bmc) => bmc.describe(),
  sensors: (bmc) => bmc.sensors(),
  events: (bmc) => bmc.events(),
  "clear events": (bmc) => bmc.clearEvents(),
  "set password": (bmc) => bmc.setPassword(new Secret("another")),
  console: async (bmc) => await (await bmc.openConsole({ takeOver: false })).close(),
};

type Outcome = BmcFailureKind | "success";

interface Knob {
  readonly faults: Partial<Faults>;
  /** How each verb may end. */
  readonly ends: readonly Outcome[];
  /** Where a verb ends in another way. */
  readonly but?: Readonly<Record<string, readonly Outcome[]>>;
  /** The fault begins when there is a session. */
  readonly inSession?: boolean;
}

const lossy: readonly Outcome[] = ["success", "timeout", "unreachable"];

const knobs: Readonly<Record<string, Knob>> = {
  "no fault": { faults: {}, ends: ["success"] },
  "a dead BMC": { faults: { dead: true }, ends: ["unreachable"] },
  "a BMC that dies in a session": {
    ...{ faults: { dead: true }, inSession: true },
    ends: ["unreachable", "timeout"],
  },
  "a tenth of the datagrams lost": { faults: { dropIn: 0.1, dropOut: 0.1 }, ends: lossy },
  "half of the datagrams lost": { faults: { dropIn: 0.5, dropOut: 0.5 }, ends: lossy },
  "one answer in ten": { faults: { answersOneIn: 10 }, ends: lossy },
  "doubled datagrams": { faults: { duplicates: true }, ends: ["success"] },
  "answers after 0.4 s": { faults: { delayMs: 400 }, ends: ["success"] },
  "answers after 3 s": { faults: { delayMs: 3000 }, ends: ["success"] },
  "answers after 20 s": { faults: { delayMs: 20_000 }, ends: ["unreachable"] },
  "no free session": { faults: { outOfSessions: true }, ends: ["busy"] },
  "wrong sequence numbers": { faults: { wrongSequence: true }, ends: ["timeout"] },
  "a restart at the first command": {
    ...{ faults: { rebootsAfter: 1, rebootSeconds: 3 }, inSession: true },
    ends: ["success"],
  },
  "a restart at the second command": {
    ...{ faults: { rebootsAfter: 2, rebootSeconds: 3 }, inSession: true },
    ends: ["success"],
    // The state was read, and then the one command that must not be repeated was lost.
    but: {
      "power cycle": ["timeout"],
      "power reset": ["timeout"],
      "power soft": ["timeout"],
      console: ["success", "timeout"],
    },
  },
  "node busy, twice": {
    faults: { refusals: 2, refusalCode: 0xc0 },
    inSession: true,
    ends: ["success"],
  },
  "node busy, always": {
    ...{ faults: { refusals: 1e6, refusalCode: 0xc0 }, inSession: true },
    ends: ["busy"],
  },
  "commands that are not known": {
    ...{ faults: { refusals: 1e6, refusalCode: 0xc1 }, inSession: true },
    ends: ["unsupported"],
  },
  "too little privilege": {
    ...{ faults: { refusals: 1e6, refusalCode: 0xd4 }, inSession: true },
    ends: ["authentication"],
    // Of the console alone: as a failed login it would keep the other commands away.
    but: { console: ["unsupported"] },
  },
  "an unspecified error": {
    ...{ faults: { refusals: 1e6, refusalCode: 0xff }, inSession: true },
    ends: ["protocol"],
  },
  "a boot device that is forgotten": {
    faults: { forgetsBoot: true },
    ends: ["success"],
    but: { "set boot device": ["unsupported"] },
  },
  "a boot device without effect": { faults: { ignoresBoot: true }, ends: ["success"] },
  "power that changes late": { faults: { powerLagSeconds: 30 }, ends: ["success"] },
  "power that never changes": { faults: { ignoresPower: true }, ends: ["success"] },
};

async function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  try {
    await promise;
    return "success";
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    return error.kind;
  }
}

describe.each(Object.entries(knobs))("%s", (_knob, { faults, ends, but = {}, inSession }) => {
  test.each(Object.entries(verbs))("%s", async (name, verb) => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const { bmc, machine, clock, controller, faults: live } = ipmiRig({ seed });
      await machine.act("on");
      if (inSession === true) await clock.settle(bmc.powerState());
      changeFaults(live, faults);
      const startedMs = clock.now();
      const outcome = await clock.settle(outcomeOf(verb(bmc)));
      expect(but[name] ?? ends, `seed ${seed}`).toContain(outcome);
      expect(clock.now() - startedMs).toBeLessThanOrEqual(180_000);
      // Once for the machine's own start, once for the verb. On and off may be said again: they find their work done.
      const once = machine.actions.filter((action) => action !== "on" && action !== "off");
      expect(once.length).toBeLessThanOrEqual(1);
      Object.assign(live, noFaults());
      await clock.settle(bmc.close());
      clock.after(70_000, () => undefined);
      await clock.settle(clock.sleep(65_000, new AbortController().signal));
      expect(controller.sessionCount(clock.now())).toBe(0);
    }
  });
});
