import { expect, it } from "vitest";
import { inheritedDhcpSockets } from "../../src/dhcp/listeners.ts";
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

it.each([
  [{ LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "dhcp" }, [3]],
  [{ LISTEN_PID: "7", LISTEN_FDS: "3", LISTEN_FDNAMES: "dhcp:tftp:dhcp" }, [3, 5]],
  [{ LISTEN_PID: "8", LISTEN_FDS: "1", LISTEN_FDNAMES: "dhcp" }, []],
  [{ LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "tftp" }, []],
  [{ LISTEN_PID: "7", LISTEN_FDS: "0", LISTEN_FDNAMES: "dhcp" }, []],
  [{}, []],
])("finds the sockets systemd passed in %j at %j", (env, fds) => {
  expect(inheritedDhcpSockets(env, 7)).toEqual(fds);
});
