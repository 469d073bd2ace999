// How a test speaks to simulated BMCs that run as processes: HTTP on a Unix socket, which is reached from every network namespace.
//   GET /           what the machine truly is, what it was asked for, and the faults
//   PATCH /faults   changes the faults that the JSON object names
//   POST /events    adds an entry to the event log: {"severity": "critical", "message": "Fan 1 failed"}

import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { changeFaults, type Faults } from "./faults.ts";
import type { SimulatedMachine } from "./machine.ts";

const eventSchema = z.strictObject({
  severity: z.enum(["ok", "warning", "critical"]),
  message: z.string(),
});

/** Listens at `path`, where a socket of before is replaced. `machine` is the machine itself, not what its faults make of it. */
export async function serveControl(
  path: string,
  machine: SimulatedMachine,
  faults: Faults,
): Promise<{ close(): Promise<void> }> {
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    void answer(request, machine, faults).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    });
  });
  server.listen(path);
  await once(server, "listening");
  return {
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function answer(request: IncomingMessage, machine: SimulatedMachine, faults: Faults) {
  const { boot, actions, log } = machine;
  const state = () => ({ power: machine.power(), boot, actions, log, faults });
  try {
    const body: unknown = request.method === "GET" ? {} : JSON.parse(await text(request));
    switch (`${request.method} ${request.url}`) {
      case "GET /":
        return { status: 200, body: state() };
      case "PATCH /faults":
        changeFaults(faults, z.record(z.string(), z.unknown()).parse(body));
        return { status: 200, body: state() };
      case "POST /events": {
        const event = eventSchema.parse(body);
        log.push({ ...event, id: (log.at(-1)?.id ?? 0) + 1, timeMs: Date.now() });
        return { status: 200, body: state() };
      }
      default:
        return { status: 404, body: { error: `no ${request.method} ${request.url} here` } };
    }
  } catch (error) {
    return { status: 400, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}
