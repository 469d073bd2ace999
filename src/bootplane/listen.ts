// Opens the boot plane's port, and says for /health whether it is open.

import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { loadLibc } from "../net/libc.ts";
import type { BootPlane } from "./app.ts";
import type { ServiceStatus } from "./deps.ts";
import { openListeningSocket, widenAcceptQueue } from "./listening-socket.ts";

export interface Listening {
  readonly port: number;
  status(): ServiceStatus;
  /** Cuts downloads that are under way. */
  close(): Promise<void>;
}

/** Listens on one address, never on all; rejects when the port is taken. Port 0 takes a free one. */
export async function listenBootPlane(
  { app, connections }: Pick<BootPlane, "app" | "connections">,
  address: Ipv4,
  port: number,
): Promise<Listening> {
  try {
    const libc = await loadLibc();
    const where = { host: address, fd: openListeningSocket(libc, address, port) };
    await app.listen(where);
    widenAcceptQueue(libc, where.fd, connections);
  } catch (cause) {
    throw new Error(
      `HTTP on ${address} port ${port}: ${messageOf(cause)}: see that an interface has this address and nobody else the port`,
      { cause },
    );
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === "string")
    throw new Error("the boot plane has no TCP port");
  return {
    port: bound.port,
    status: () => (app.server.listening ? "running" : "stopped"),
    close: () => app.close(),
  };
}
