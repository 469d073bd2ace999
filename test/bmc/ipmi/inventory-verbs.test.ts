import { expect, test } from "vitest";
import { BmcError } from "../../../src/bmc/bmc.ts";
import type { Turn } from "../../../src/bmc/ipmi/client.ts";
import { clearEvents } from "../../../src/bmc/ipmi/inventory-verbs.ts";

const clearSel = 0x47;

/** A BMC that takes so many looks to erase its event log. */
function erasing(looks: number) {
  let left = looks;
  let waitedMs = 0;
  const turn = {
    run: async ({ command }: { command: number }) => {
      if (command !== clearSel) return Buffer.of(0x01, 0x00);
      left -= 1;
      return Buffer.of(left < 0 ? 0x01 : 0x00);
    },
    sleep: async (ms: number) => {
      waitedMs += ms;
    },
    fail: (kind: "protocol", said: string) => new BmcError(kind, said),
  } as unknown as Turn;
  return { turn, waitedMs: () => waitedMs };
}

test("an event log that is being erased is looked at five times a second", async () => {
  const { turn, waitedMs } = erasing(10);
  await clearEvents(turn);
  expect(waitedMs()).toBe(2_000);
});

test("an event log that is never erased is given up after 20 s", async () => {
  const { turn, waitedMs } = erasing(1e6);
  await expect(clearEvents(turn)).rejects.toThrow("never cleared");
  expect(waitedMs()).toBe(20_000);
});
