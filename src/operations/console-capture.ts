// Keeps what a machine prints during an operation, and puts on its timeline what that says about its boot. It only listens: an
// install whose console can't be had goes on without.

import type { NodeStore } from "../nodes/ports.ts";
import type { ConsoleFile } from "./console-file.ts";
import { type ConsoleSign, createConsoleSigns } from "./console-signs.ts";
import type { OperationStore } from "./operation.ts";
import type { Clock } from "./runner.ts";
import type { ConsoleState, SharedConsole } from "./shared-console.ts";

export interface CaptureTools {
  readonly operations: Pick<OperationStore, "operation">;
  readonly nodes: Pick<NodeStore, "append">;
  readonly console: Pick<SharedConsole, "join">;
  readonly file: ConsoleFile;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

const pollMs = 250;
// A machine prints what it likes, and each event is kept.
const maxEvents = 100;

/** Captures from the step that switches the machine on until the signal aborts. Never rejects. */
export async function captureConsole(
  tools: CaptureTools,
  { id, node }: { readonly id: string; readonly node: string },
  signal: AbortSignal,
): Promise<void> {
  await poweredOn(tools, id, signal);
  if (signal.aborted) return;
  const { file, clock } = tools;
  const record = createRecord(tools, id, node);
  const signs = createConsoleSigns();
  let wasOpen = false;
  const changed = (state: ConsoleState) => {
    if (state.kind === "connecting") return;
    const said = state.kind === "open" ? "console opened" : `console away: ${state.reason}`;
    file.write(Buffer.from(`\r\n[${new Date(clock.now()).toISOString()} ${said}]\r\n`));
    // Losing it is not worth an event where it comes back.
    if (state.kind === "away" && !wasOpen) record.unavailable(state.reason);
    wasOpen = state.kind === "open";
  };
  const printed = (data: Buffer) => {
    file.write(data);
    for (const sign of signs.take(data)) record.sign(sign);
  };
  const seat = tools.console.join({ printed, changed }, false);
  changed(seat.state);
  printed(seat.recent);
  await aborted(signal);
  seat.leave();
  await file.close();
}

/** What the machine printed before is of the system that it had. */
async function poweredOn(
  { operations, clock }: CaptureTools,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const begun = () =>
    operations.operation(id)?.steps.find((step) => step.id === "power")?.status !== "pending";
  while (!signal.aborted && !begun()) await clock.sleep(pollMs, signal);
}

function createRecord({ nodes, onFault }: CaptureTools, operation: string, node: string) {
  let events = 0;
  let toldUnavailable = false;
  const append = (kind: string, detail: Readonly<Record<string, unknown>>) => {
    if (events >= maxEvents) return;
    events += 1;
    try {
      nodes.append({ node, mac: undefined, kind, detail: { ...detail, operation } });
    } catch (error) {
      onFault(error);
    }
  };
  return {
    sign: (sign: ConsoleSign) =>
      sign.kind === "stage"
        ? append("console-stage-reached", { stage: sign.stage, line: sign.line })
        : append(sign.fault, { line: sign.line }),
    unavailable: (reason: string) => {
      if (!toldUnavailable) append("console-unavailable", { reason });
      toldUnavailable = true;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
