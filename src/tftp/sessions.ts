// The requests that are being served, and who makes way when there are as many as may be.

import type { Running } from "./transfers.ts";

/** `request` tells a repeated datagram from a client that started anew. Times are milliseconds of the server's clock. */
export interface Session {
  readonly request: Buffer;
  readonly startedMs: number;
  readonly client: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** Undefined while the file is looked for. */
  sent?: { readonly atMs: number; readonly running: Pick<Running, "hasAnswer" | "isOver"> };
  /** Its thread was asked whether it is over. */
  isAsked: boolean;
}

interface Limits {
  readonly maxTransfers: number;
  readonly maxTransfersPerClient: number;
}

/** By the client's address and port, its half of the transfer id; the oldest first. */
export type Sessions = Map<string, Session>;

// So long a client may leave the first packet without an answer when others want its place: until the first repetition has
// had its time.
const answerMs = 2_000;

/**
 * Makes room for one more of `client`, and says which limit is in the way when there is none. At a limit the oldest transfer
 * whose client has never answered is ended as timed out.
 */
export function makeRoom(
  sessions: Sessions,
  client: string,
  { maxTransfers, maxTransfersPerClient }: Limits,
  nowMs: number,
): "room" | "full" | "full-for-client" {
  const own = [...sessions].filter(([, session]) => session.client === client);
  if (own.length >= maxTransfersPerClient && !endSilent(sessions, own, nowMs))
    return "full-for-client";
  if (sessions.size >= maxTransfers && !endSilent(sessions, sessions, nowMs)) return "full";
  return "room";
}

function endSilent(sessions: Sessions, among: Iterable<[string, Session]>, nowMs: number): boolean {
  for (const [id, { sent, stop }] of among) {
    if (sent === undefined || nowMs - sent.atMs < answerMs || sent.running.hasAnswer()) continue;
    stop.abort("timed-out");
    sessions.delete(id);
    return true;
  }
  return false;
}
