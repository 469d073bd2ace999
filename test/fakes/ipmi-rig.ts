// The native IPMI driver and a simulated BMC with faults, in virtual time.

import { guarded } from "../../src/bmc/guarded.ts";
import { createIpmi } from "../../src/bmc/ipmi/driver.ts";
import { createLink } from "../../src/bmc/ipmi/link.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { Secret } from "../../src/net/secret.ts";
import { noFaults } from "../../vm-harness/bmc/faults.ts";
import { createFaultyLink } from "../../vm-harness/bmc/faulty-link.ts";
import { faultyMachine } from "../../vm-harness/bmc/faulty-machine.ts";
import { createController } from "../../vm-harness/bmc/ipmi/controller.ts";
import { encodeGuid } from "../../vm-harness/bmc/ipmi/guid.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";
import { virtualClock } from "./virtual-clock.ts";

const console1 = { address: "10.0.10.10", port: 40_000 };

export interface RigOptions {
  /** Of the datagrams that the faults lose. */
  readonly seed?: number;
  readonly cipherSuite?: 3 | 17 | "best";
  /** Those that the BMC has. */
  readonly suites?: readonly (3 | 17)[];
  /** Sees each datagram to the BMC; false loses it. */
  readonly hears?: (datagram: Buffer) => boolean;
}

export function ipmiRig({ seed = 1, cipherSuite = 17, suites = [17, 3], hears }: RigOptions = {}) {
  const clock = virtualClock();
  const faults = noFaults();
  const machine = createMemoryMachine("node01");
  const wire = createFaultyLink(faults, seed);
  const controller = createController({
    machine: faultyMachine(machine, faults, clock.now),
    settings: {
      suites,
      bmcKey: undefined,
      guid: encodeGuid(machine.description.uuid),
      users: machine.users,
    },
    ...{ sessions: 4, faults, port: 623, failed: () => undefined },
  });
  let toConsole: (datagram: Buffer) => void = () => undefined;
  machine.listenConsole((data) => {
    for (const { datagram } of controller.print(data, clock.now())) toConsole(datagram);
  });
  const link = createLink((receive) => {
    toConsole = receive;
    const send = (datagram: Buffer) => {
      if (hears?.(datagram) === false || !wire.hears()) return;
      for (const answer of controller.receive(datagram, console1, clock.now()))
        for (let copies = wire.copies(); copies > 0; copies -= 1)
          clock.after(faults.delayMs, () => receive(Buffer.from(answer.datagram)));
    };
    return { send, close: () => undefined };
  }, clock);
  const login = { user: "admin", password: new Secret("secret"), cipherSuite } as const;
  const settings = { ...login, address: "10.0.10.50" as Ipv4, port: 623 };
  const bmc = guarded(createIpmi(settings, link, clock), "BMC 10.0.10.50", clock);
  return { bmc, link, machine, faults, clock, controller };
}
