// Serial consoles over HTTP: one answer that does not end, a JSON object on each of its lines, and what is typed in requests of
// its own. docs/decisions/022-console.md has why it is no WebSocket.

import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { ConsoleSeat, ConsoleState, ConsoleViewer } from "../operations/shared-console.ts";
import type { ConsoleService } from "./console-service.ts";
import * as shapes from "./console-shapes.ts";
import { give, take } from "./shaping.ts";

interface NamedNode {
  readonly name: string;
}

const aliveMs = 20_000;
// A reader that is this far behind is gone, or will never catch up.
const maxUnreadBytes = 1024 * 1024;

export function addConsoleRoutes(app: FastifyInstance, service: ConsoleService): void {
  app.get<{ Params: NamedNode }>("/api/nodes/:name/console", ({ params, query }, reply) => {
    const takeOver = take(shapes.consoleQuery, query).take === "true";
    const lines = consoleLines((viewer) => service.joinConsole(params.name, takeOver, viewer));
    return reply.type("application/x-ndjson").send(lines);
  });
  app.post<{ Params: NamedNode }>("/api/nodes/:name/console", async ({ params, body }) => {
    const bytes = await service.typeConsole(params.name, take(shapes.consoleInput, body));
    return give(shapes.consoleTyped, { bytes });
  });
  app.get<{ Params: NamedNode }>("/api/nodes/:name/console/log", async ({ params }) =>
    give(shapes.consoleLogShape, await service.consoleLog(params.name)),
  );
}

/** The seat is left when the reader goes. */
function consoleLines(join: (viewer: ConsoleViewer) => ConsoleSeat): Readable {
  const lines = new Readable({ read: () => undefined });
  const say = (line: shapes.ConsoleLine) => {
    if (lines.readableLength > maxUnreadBytes) lines.destroy();
    else if (!lines.destroyed) lines.push(`${JSON.stringify(line)}\n`);
  };
  const printed = (data: Buffer) =>
    say({ kind: "output", atMs: Date.now(), data: data.toString("base64") });
  const changed = (state: ConsoleState) => say(stateLine(state));
  const seat = join({ printed, changed });
  say({ kind: "recent", atMs: Date.now(), data: seat.recent.toString("base64") });
  changed(seat.state);
  const alive = setInterval(() => say({ kind: "alive", atMs: Date.now() }), aliveMs);
  lines.on("close", () => {
    clearInterval(alive);
    seat.leave();
  });
  return lines;
}

function stateLine({ kind: state, ...why }: ConsoleState): shapes.ConsoleLine {
  return { kind: "state", atMs: Date.now(), state, ...why };
}
