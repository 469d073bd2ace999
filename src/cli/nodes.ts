// rackstrap nodes: the declared machines and their states, or the machines that nobody declared.

import type { Command } from "commander";
import {
  type DiscoveredView,
  discoveredAnswer,
  type NodeView,
  nodesAnswer,
} from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { powerText } from "./power-text.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatDuration, formatTable, formatTime } from "./table.ts";

interface NodesOptions extends GlobalOptions {
  readonly discovered?: boolean;
}

export function addNodesCommand(program: Command, done: Done): void {
  program
    .command("nodes")
    .description("declared nodes and their states")
    .option("--discovered", "machines that asked for something and are in no inventory")
    .action(async (_options, command: Command) => {
      const options = optionsOf<NodesOptions>(command);
      const server = connect(options);
      if (options.discovered === true) {
        const answer = await server.get("/api/discovered", discoveredAnswer);
        print(options, answer, () => discoveredTable(answer.discovered));
      } else {
        const answer = await server.get("/api/nodes", nodesAnswer);
        print(options, answer, () => nodesTable(answer.nodes, Date.now()));
      }
      done(exitCodes.ok);
    });
}

function nodesTable(nodes: readonly NodeView[], nowMs: number): string[] {
  return formatTable(
    ["NODE", "STATE", "FOR", "POWER", "MAC", "PROVISIONING", "PRODUCTION", "PROFILE"],
    nodes.map((node) => [
      node.name,
      node.state,
      // A node that was never touched has no such moment.
      node.sinceMs === 0 ? "-" : formatDuration(nowMs - node.sinceMs),
      powerText(node.power, nowMs),
      node.mac,
      node.provisioningAddress,
      node.productionAddress,
      node.profile,
    ]),
  );
}

function discoveredTable(machines: readonly DiscoveredView[]): string[] {
  return formatTable(
    ["MAC", "ADDRESS", "LAST SEEN", "FACTS"],
    machines.map(({ mac, address, lastSeenMs, facts }) => [
      mac,
      address ?? "",
      formatTime(lastSeenMs),
      Object.entries(facts)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ]),
  );
}
