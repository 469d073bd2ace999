// The serial consoles of all nodes, each shared by the capture of its install and by whoever looks.

import type { Bmc } from "../bmc/bmc.ts";
import type { Clock } from "../bmc/clock.ts";
import type { Node } from "../inventory/schema.ts";
import { createSharedConsole, type SharedConsole } from "./shared-console.ts";

export interface ConsoleHub {
  find(node: Node): SharedConsole;
  /** Gives every BMC its console back. */
  close(): Promise<void>;
}

export function createConsoleHub(bmc: (node: Node) => Bmc, clock: Clock): ConsoleHub {
  const consoles = new Map<string, SharedConsole>();
  return {
    find: (node) => {
      const known = consoles.get(node.name);
      if (known !== undefined) return known;
      const subject = `node ${node.name} (BMC ${node.bmc.address})`;
      const made = createSharedConsole(() => bmc(node), subject, clock);
      consoles.set(node.name, made);
      return made;
    },
    close: async () => {
      await Promise.allSettled([...consoles.values()].map((one) => one.close()));
    },
  };
}
