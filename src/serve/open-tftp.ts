// Opens TFTP on one address, and takes its transfers to the timelines.

import type { Socket } from "node:dgram";
import { shownName } from "../boot/virtual-files.ts";
import { inheritedSockets } from "../net/inherited-sockets.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { adoptTftpSocket } from "../tftp/listening-socket.ts";
import { createTftpServer, type TftpEvent } from "../tftp/server.ts";
import type { NetworkTools, Observers } from "./network-tools.ts";
import type { SharedReads } from "./shared-reads.ts";
import { createTftpFiles } from "./tftp-files.ts";

/** The sockets that were passed in, by the served address that each is bound to. Throws for one that is bound to another. */
export async function inheritedTftpSockets(addresses: readonly Ipv4[]) {
  const sockets = new Map<Ipv4, Socket>();
  for (const fd of inheritedSockets("tftp", process.env, process.pid)) {
    const adopted = await adoptTftpSocket(fd);
    const served = addresses.find((address) => address === adopted.address);
    if (served === undefined)
      throw new Error(
        `the TFTP socket that was passed in is bound to ${adopted.address}, which is no address of this server in the inventory: set ListenDatagram=${addresses[0]}:69 in its .socket unit`,
      );
    sockets.set(served, adopted.socket);
  }
  return sockets;
}

/** It listens when it is started. `socket` is one that was passed in. */
export function openTftp(
  tools: NetworkTools & { readonly reads: SharedReads },
  { record, onBoot, holders, keysLedger }: Observers,
  address: Ipv4,
  socket: Socket | undefined,
) {
  const { inventory, assets, images, reads, rendering, authorizedKeys, servedScripts } = tools;
  const { logger, now } = tools;
  const { scripts, configs } = rendering;
  const log = logger.child({ service: "tftp" });
  return createTftpServer({
    address,
    ...(socket && { socket }),
    files: createTftpFiles({
      ...{ assets, images, reads, scripts, configs, holders, now, logger: log },
      subject: rendering.subject,
      addresses: holders,
      ...{ keysLedger, nonceKey: tools.nonceKey },
      installerHostKey: tools.installerHostKey,
      authorizedKeys: () => authorizedKeys,
      server: rendering.serverAt(address),
      onServed: ({ name }, stage, text) => servedScripts.keep(name, stage, text),
      onEvent: onBoot,
    }),
    shown: shownName,
    onEvent: ({ client, ...transfer }) => {
      log.debug({ client, ...transfer }, "tftp");
      const mac = holders.find(client);
      if (mac !== undefined)
        record([
          {
            mac,
            kind: "tftp-transferred",
            about: aboutTftp(transfer),
            address: client,
            detail: transfer,
          },
        ]);
    },
    onFault: tools.onFault,
    now: () => performance.now(),
    logger: log,
    limits: inventory().server.tftp,
  });
}

/** A name that is not served is its sender's choice. */
function aboutTftp({ file, outcome }: Pick<TftpEvent, "file" | "outcome">): string | undefined {
  return outcome === "not-found" || outcome === "refused" ? undefined : file;
}
