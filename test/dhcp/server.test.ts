import { expect, it } from "vitest";
import { openDhcpServer } from "../../src/dhcp/server.ts";
import { createMemoryLeaseJournal } from "../fakes/memory-lease-journal.ts";
import { config, policy } from "./site.ts";

it("names an interface that does not exist", async () => {
  const interfaces = [{ name: "nosuch0", address: config.interfaces[0]?.address }];
  const opened = openDhcpServer({
    config: { ...config, interfaces: interfaces as typeof config.interfaces },
    policy,
    journal: createMemoryLeaseJournal(),
    onEvent: () => undefined,
    onWarning: () => undefined,
    inheritedFds: [],
    now: () => 0,
  });
  await expect(opened).rejects.toThrow("there is no network interface nosuch0");
});
