// POST /api/verify: one answer with a JSON object on each of its lines, the report of one area, as soon as there is one.

import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { AreaReport } from "../verify/line.ts";
import { orQuiet, quiet } from "./quiet.ts";
import { give, take } from "./shaping.ts";
import { areaReport, type VerifyRequest, verifyBody } from "./verify-shapes.ts";

export interface VerifyService {
  /** One report for each area, in their order. Ends, by throwing, when the signal aborts. */
  verify(request: VerifyRequest, signal: AbortSignal): AsyncIterable<AreaReport>;
}

export function addVerifyRoutes(app: FastifyInstance, service: VerifyService): void {
  app.post("/api/verify", ({ body }, reply) => {
    const gone = new AbortController();
    const reports = service.verify(take(verifyBody, body), gone.signal);
    // A reader that went away wants no thousand writes. Its connection says so at once; the stream would wait for the next report.
    reply.raw.on("close", () => gone.abort());
    return reply.type("application/x-ndjson").send(Readable.from(textLines(reports)));
  });
}

/** Clients give up on an answer of which nothing has come for minutes, and the links of a rack take longer to be measured. */
const quietMs = 20_000;

async function* textLines(reports: AsyncIterable<AreaReport>): AsyncGenerator<string, void> {
  // The space stands in front of the next object, where JSON allows it: a line stays a report.
  for await (const report of orQuiet(reports, quietMs))
    yield report === quiet ? " " : `${JSON.stringify(await give(areaReport, report))}\n`;
}
