// The IPMI side of one simulated BMC on a UDP socket. A thousand of them fit into one process: each has a socket, and no timer
// while nothing is late.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type Faults, noFaults } from "./faults.ts";
import { createFaultyLink, type FaultyLink } from "./faulty-link.ts";
import { faultyMachine } from "./faulty-machine.ts";
import { createController, type Outgoing } from "./ipmi/controller.ts";
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
  /** The machine as the faults show it: for another protocol of the same BMC. */
  readonly machine: SimulatedMachine;
  /** How many sessions are open now. */
  sessionCount(): number;
  close(): Promise<void>;
}

/** Starts to answer. Rejects when the port can't be had. */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { faults = noFaults() } = options;
  const machine = faultyMachine(options.machine, faults, Date.now);
  const socket = createSocket("udp4");
  socket.bind(options.port, options.address);
  await once(socket, "listening");
  const { port } = socket.address();
  const link = createFaultyLink(faults, options.seed ?? 1);
  const controller = createController({
    machine,
    settings: {
      suites: options.suites ?? [17, 3],
      bmcKey: options.bmcKey === undefined ? undefined : Buffer.from(options.bmcKey),
      guid: encodeGuid(machine.description.uuid),
      users: machine.users,
    },
    sessions: options.sessions ?? 4,
    faults,
    port,
    failed: options.failed ?? (() => undefined),
  });
  const send = createSender(socket, faults, link);
  let timer: NodeJS.Timeout | undefined;
  const sendAll = (outgoing: readonly Outgoing[]) => {
    for (const one of outgoing) send(one);
    clearTimeout(timer);
    const { deadline } = controller;
    if (deadline !== undefined)
      timer = setTimeout(() => sendAll(controller.wake(Date.now())), deadline - Date.now());
  };
  socket.on("message", (datagram, from) => {
    if (link.hears()) sendAll(controller.receive(datagram, from, Date.now()));
  });
  const endListening = machine.listenConsole((data) => sendAll(controller.print(data, Date.now())));
  return {
    address: options.address,
    port,
    faults,
    machine,
    sessionCount: () => controller.sessionCount(Date.now()),
    close: async () => {
      endListening();
      clearTimeout(timer);
      socket.close();
      await once(socket, "close");
    },
  };
}

/** Sends as the faults will have it. What can't be sent is lost, as on any network. */
function createSender(socket: Socket, faults: Faults, link: FaultyLink) {
  let closed = false;
  socket.on("close", () => {
    closed = true;
  });
  return ({ to, datagram }: Outgoing) => {
    const send = () => {
      if (!closed) socket.send(datagram, to.port, to.address, () => undefined);
    };
    for (let left = link.copies(); left > 0; left -= 1)
      if (faults.delayMs === 0) send();
      else setTimeout(send, faults.delayMs).unref();
  };
}
