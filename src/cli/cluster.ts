// rackstrap cluster status: its layers as their members describe them, judged together.

import type { Command } from "commander";
import { clusterAnswer, type LayerView } from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable, printable } from "./table.ts";

export function addClusterCommand(program: Command, done: Done): void {
  program
    .command("cluster")
    .description("the cluster as its members describe it")
    .command("status")
    .description("members, leader and verdict of every layer; exit 0 when all are healthy")
    .action(async (_options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const answer = await connect(options).get("/api/cluster", clusterAnswer);
      print(options, answer, () => clusterLines(answer.layers));
      done(isWell(answer.layers) ? exitCodes.ok : exitCodes.failed);
    });
}

export function isWell(layers: readonly LayerView[]): boolean {
  return (
    layers.length > 0 &&
    layers.every(({ verdict, stuck }) => verdict === "healthy" && stuck === undefined)
  );
}

export function clusterLines(layers: readonly LayerView[]): string[] {
  return layers.flatMap((layer, index) => {
    const { verdict, voters, healthyVoters, leader, members, reasons, stuck } = layer;
    const head = `${layer.layer}: ${verdict}, voters ${voters.length}, healthy ${healthyVoters.length}, leader ${leader ?? "none agreed"}`;
    const table = formatTable(
      ["MEMBER", "ROLE", "STATUS", "RAFT ADDRESS"],
      members.map(({ id, role, status, raftAddress }) => [id, role, status, raftAddress]),
    );
    return [
      ...(index === 0 ? [] : [""]),
      printable(head),
      ...(members.length === 0 ? [] : table),
      ...reasons.map((reason) => printable(`- ${reason}`)),
      ...(stuck === undefined ? [] : stuckLines(stuck)),
    ];
  });
}

function stuckLines({ leader, sinceMs, reason, next }: NonNullable<LayerView["stuck"]>): string[] {
  const since = new Date(sinceMs).toISOString();
  return [`- nothing is committed since ${since}, and ${leader} leads: ${reason}`, `  ${next}`].map(
    printable,
  );
}
