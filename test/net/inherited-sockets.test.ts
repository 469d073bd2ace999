import { expect, it } from "vitest";
import { inheritedSockets } from "../../src/net/inherited-sockets.ts";

it.each([
  [{ LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "dhcp" }, [3]],
  [{ LISTEN_PID: "7", LISTEN_FDS: "3", LISTEN_FDNAMES: "dhcp:tftp:dhcp" }, [3, 5]],
  [{ LISTEN_PID: "8", LISTEN_FDS: "1", LISTEN_FDNAMES: "dhcp" }, []],
  [{ LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "tftp" }, []],
  [{ LISTEN_PID: "7", LISTEN_FDS: "0", LISTEN_FDNAMES: "dhcp" }, []],
  [{}, []],
])("finds the sockets systemd passed in %j at %j", (env, fds) => {
  expect(inheritedSockets("dhcp", env, 7)).toEqual(fds);
});
