// rackstrap nodes: the declared machines and their states.

import type { Command } from "commander";
import { type NodeView, nodesAnswer } from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { powerText } from "./power-text.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatDuration, formatTable } from "./table.ts";

export function addNodesCommand(program: Command, done: Done): void {
  program
    .command("nodes")
    .description("declared nodes and their states")
    .action(async (_options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const answer = await connect(options).get("/api/nodes", nodesAnswer);
      print(options, answer, () => nodesTable(answer.nodes, Date.now()));
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
