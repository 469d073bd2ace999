// The IPMI side of one simulated BMC on a UDP socket. A thousand of them fit into one process: each has a socket, and no timer
// while nothing is late.

import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { type Faults, noFaults } from "./faults.ts";
import { createFaultyLink } from "./faulty-link.ts";
import { faultyMachine } from "./faulty-machine.ts";
import { createController } from "./ipmi/controller.ts";
import { encodeGuid } from "./ipmi/guid.ts";
import type { SimulatedMachine } from "./machine.ts";

export interface SimulatorOptions {
  readonly machine: SimulatedMachine;
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Both by default. */
  readonly suites?: readonly (3 | 17)[];
  /** Sessions at a time, 4 by default. */
  readonly sessions?: number;
  /** K_G. */
  readonly bmcKey?: string | undefined;
  /** Of the datagrams that `faults` lose. */
  readonly seed?: number;
  /** Shared with whoever changes it while the BMC runs. */
  readonly faults?: Faults;
  /** Hears of a power command that was accepted and then failed. */
  readonly failed?: (error: unknown) => void;
}

export interface Simulator {
  readonly address: string;
  readonly port: number;
  /** To be changed at will. */
  readonly faults: Faults;
  close(): Promise<void>;
}

/** Starts to answer. Rejects when the port can't be had. */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { machine, suites = [17, 3], sessions = 4, faults = noFaults() } = options;
  const link = createFaultyLink(faults, options.seed ?? 1);
  const controller = createController({
    machine: faultyMachine(machine, faults, Date.now),
    settings: {
      suites,
      bmcKey: options.bmcKey === undefined ? undefined : Buffer.from(options.bmcKey),
      guid: encodeGuid(machine.description.uuid),
      users: machine.users,
    },
    sessions,
    faults,
    failed: options.failed ?? (() => undefined),
  });
  const socket = createSocket("udp4");
  const send = (datagram: Buffer, { port, address }: RemoteInfo) => {
    for (let left = link.copies(); left > 0; left -= 1)
      if (faults.delayMs === 0) socket.send(datagram, port, address);
      else setTimeout(() => socket.send(datagram, port, address), faults.delayMs);
  };
  socket.on("message", (datagram, from) => {
    if (!link.hears()) return;
    for (const answer of controller.receive(datagram, Date.now())) send(answer, from);
  });
  socket.bind(options.port, options.address);
  await once(socket, "listening");
  return {
    address: options.address,
    port: socket.address().port,
    faults,
    close: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
}
