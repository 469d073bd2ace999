// rackstrap events: what happened, oldest first, of one node or of all.

import type { Command } from "commander";
import { type EventView, eventsAnswer } from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable, formatTime } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";

interface EventsOptions extends GlobalOptions {
  readonly after?: number;
  readonly limit: number;
}

export function addEventsCommand(program: Command, done: Done): void {
  program
    .command("events")
    .description("what happened, oldest first; of one node when it is named")
    .argument("[node]", "name of a node")
    .option("--after <id>", "only events after this one, from there on", wholeNumber)
    .option(
      "--limit <count>",
      "at most so many, up to 1000: the newest, without --after",
      wholeNumber,
      1000,
    )
    .action(async (node: string | undefined, _options, command: Command) => {
      const options = optionsOf<EventsOptions>(command);
      const { after, limit } = options;
      const from = after === undefined ? "" : `after=${after}&`;
      const base = node === undefined ? "/api" : `/api/nodes/${encodeURIComponent(node)}`;
      const answer = await connect(options).get(
        `${base}/events?${from}limit=${limit}`,
        eventsAnswer,
      );
      print(options, answer, () => eventLines(answer.events));
      done(exitCodes.ok);
    });
}

export function eventLines(events: readonly EventView[]): string[] {
  return formatTable(
    ["WHEN", "NODE", "EVENT", "DETAIL"],
    events.map(({ atMs, node, mac, kind, detail }) => [
      formatTime(atMs),
      node ?? mac ?? "",
      kind,
      Object.keys(detail).length === 0 ? "" : JSON.stringify(detail),
    ]),
  );
}
