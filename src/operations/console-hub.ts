// The serial consoles of all nodes, each shared by the capture of its install and by whoever looks.

import type { Bmc } from "../bmc/bmc.ts";
import type { Clock } from "../bmc/clock.ts";
import type { Node } from "../inventory/schema.ts";
import { createSharedConsole, type SharedConsole } from "./shared-console.ts";

export interface ConsoleHub {
  find(node: Node): SharedConsole;
  /** Sends those away who look at machines that are none of these. */
  keep(nodes: readonly Node[]): Promise<void>;
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
    keep: async (nodes) => {
      const names = new Set(nodes.map(({ name }) => name));
      const gone = [...consoles].filter(([name]) => !names.has(name));
      for (const [name] of gone) consoles.delete(name);
      await Promise.allSettled(gone.map(([, console]) => console.close()));
    },
    close: async () => {
      await Promise.allSettled([...consoles.values()].map((one) => one.close()));
    },
  };
}
