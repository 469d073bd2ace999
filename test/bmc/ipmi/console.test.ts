// The serial console of a BMC that forgets its sessions, in virtual time.

import { once } from "node:events";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { changeFaults } from "../../../vm-harness/bmc/faults.ts";
import { ipmiRig } from "../../fakes/ipmi-rig.ts";

const output = (of: unknown) => {
  if (of instanceof Readable) return of;
  throw new Error("the output is no stream");
};

test("a console that is opened after the BMC has forgotten the session listens in the new one", async () => {
  const { bmc, machine, faults, clock } = ipmiRig();
  await clock.settle(bmc.powerState());
  changeFaults(faults, { rebootsAfter: 1, rebootSeconds: 1 });
  const serial = await clock.settle(bmc.openConsole({ takeOver: false }));
  const printed = once(output(serial.output), "data");
  await machine.act("on");
  expect(String((await clock.settle(printed))[0])).toBe("node01 starts\r\n");
  await clock.settle(serial.write(Buffer.from("root\r")));
  await clock.settle(serial.close());
});

test("what is typed into a console that is lost meanwhile, or was before, is told so", async () => {
  const { bmc, faults, clock } = ipmiRig();
  const serial = await clock.settle(bmc.openConsole({ takeOver: false }));
  faults.dead = true;
  const lost = { kind: "timeout", message: expect.stringContaining("the console is lost") };
  const typed = expect(serial.write(Buffer.from("root\r"))).rejects.toMatchObject(lost);
  await clock.settle(typed);
  await expect(serial.write(Buffer.from("root\r"))).rejects.toMatchObject(lost);
});
