// Answers what the API is asked about serial consoles.

import type { Node } from "../inventory/schema.ts";
import type { NodeStore } from "../nodes/ports.ts";
import type { ConsoleLog } from "../operations/console-file.ts";
import type { ConsoleHub } from "../operations/console-hub.ts";
import type { ConsoleSeat, ConsoleViewer } from "../operations/shared-console.ts";
import type { ConsoleInput, ConsoleLogView } from "./console-shapes.ts";
import { Refusal } from "./service.ts";

export interface ConsoleService {
  /** Shows a node's console to `viewer` until its seat is left. */
  joinConsole(node: string, take: boolean, viewer: ConsoleViewer): ConsoleSeat;
  /** Types into a console that somebody looks at; gives how many octets the BMC took. May throw a BmcError. */
  typeConsole(node: string, input: ConsoleInput): Promise<number>;
  /** What the console of the last install printed. */
  consoleLog(node: string): Promise<ConsoleLogView>;
}

export interface ConsoleTools {
  readonly consoles: ConsoleHub;
  readonly consoleLog: (node: Node) => Promise<ConsoleLog | undefined>;
  readonly nodes: Pick<NodeStore, "append">;
  /** The node of that name; throws a Refusal. */
  readonly declared: (name: string) => Node;
}

export function createConsoleService(tools: ConsoleTools): ConsoleService {
  const { consoles, declared, nodes } = tools;
  return {
    joinConsole: (name, take, viewer) => {
      const node = declared(name);
      if (take)
        nodes.append({ node: node.name, mac: undefined, kind: "console-take-asked", detail: {} });
      return consoles.find(node).join(viewer, take);
    },
    typeConsole: async (name, input) => {
      const serial = consoles.find(declared(name));
      if ("break" in input) {
        await serial.sendBreak();
        return 0;
      }
      const data = Buffer.from(input.data, "base64");
      await serial.write(data);
      return data.length;
    },
    consoleLog: async (name) => {
      const node = declared(name);
      const log = await tools.consoleLog(node);
      if (log === undefined)
        throw new Refusal(
          "unknown",
          `no console of node ${node.name} was ever recorded: that is done while it is installed`,
          `look at it now: rackstrap console ${node.name}`,
        );
      const { operation, printed } = log;
      return { node: node.name, operation, data: printed.toString("base64") };
    },
  };
}
