// POST /api/verify: one answer with a JSON object on each of its lines, the report of one area, as soon as there is one.

import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { AreaReport } from "../verify/line.ts";
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

async function* textLines(reports: AsyncIterable<AreaReport>): AsyncGenerator<string, void> {
  for await (const report of reports) yield `${JSON.stringify(await give(areaReport, report))}\n`;
}
