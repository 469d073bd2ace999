// Drives one transfer over a socket of its own until it ends. What to send is decided in transfer.ts.

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Logger } from "pino";
import type { Ipv4 } from "../net/ipv4.ts";
import { type Datagram, decodePacket, encodePacket, errorCodes } from "./packet.ts";
import type { Transfer, TransferOutcome } from "./transfer.ts";

/** `superseded`: the client has begun anew from the same port. */
export type TransferEnd = TransferOutcome | "stopped" | "superseded";

export interface TransferRun {
  readonly transfer: Transfer;
  /** The address to send from. */
  readonly address: Ipv4;
  readonly peer: { readonly address: string; readonly port: number };
  readonly now: () => number;
  readonly logger: Logger;
  /** Ends the transfer early. The client is told, unless the reason is `superseded`. */
  readonly signal: AbortSignal;
}

/** Sends the file to the peer. Resolves when the transfer is over and its socket closed; never rejects. */
export async function runTransfer(run: TransferRun): Promise<TransferEnd> {
  // Peers are known by address. Node's own look-up would cost every datagram a turn of the event loop.
  const socket = createSocket({ type: "udp4", lookup: (host, _, done) => done(null, host, 4) });
  const end = await new Promise<TransferEnd>((resolve) => drive(run, socket, resolve));
  if (end === "stopped") await sendStopped(socket, run);
  socket.close();
  return end;
}

function drive(run: TransferRun, socket: Socket, resolve: (end: TransferEnd) => void): void {
  const { transfer, peer, now, logger, signal } = run;
  const finish = (end: TransferEnd) => {
    alarm.cancel();
    resolve(end);
  };
  const proceed = (datagrams: readonly Datagram[]) => {
    for (const datagram of datagrams) socket.send(datagram, peer.port, peer.address);
    if (transfer.outcome !== undefined) finish(transfer.outcome);
    else alarm.check();
  };
  const alarm = createAlarm(run, () => proceed(transfer.onTimeout(now())));
  socket.on("error", (error) => {
    logger.warn({ err: error, client: peer.address }, "a TFTP transfer's socket failed");
    finish("failed");
  });
  socket.on("message", (datagram, from) => {
    if (isPeer(run, from)) proceed(receive(run, datagram));
    else answerForeign(run, socket, datagram, from);
  });
  const stop = () => finish(signal.reason === "superseded" ? "superseded" : "stopped");
  signal.addEventListener("abort", stop, { once: true });
  socket.bind({ address: run.address, port: 0 }, () => proceed(transfer.start(now())));
}

/** Nearly every packet moves the deadline further away; the timer is set anew only when it would ring too late. */
function createAlarm({ transfer, now }: TransferRun, onDeadline: () => void) {
  let timer: NodeJS.Timeout | undefined;
  let ringsAt = Number.POSITIVE_INFINITY;
  const check = () => {
    if (transfer.deadline >= ringsAt) return;
    clearTimeout(timer);
    ringsAt = transfer.deadline;
    timer = setTimeout(ring, Math.max(0, Math.ceil(ringsAt - now())));
  };
  const ring = () => {
    ringsAt = Number.POSITIVE_INFINITY;
    if (now() >= transfer.deadline) onDeadline();
    else check();
  };
  return { check, cancel: () => clearTimeout(timer) };
}

function receive(run: TransferRun, datagram: Buffer): Datagram[] {
  const packet = decodePacket(datagram);
  if (!("malformed" in packet)) return run.transfer.onPacket(packet, run.now());
  run.logger.debug({ client: run.peer.address, ...packet }, "malformed TFTP packet");
  return [];
}

function isPeer(run: TransferRun, from: RemoteInfo): boolean {
  return from.address === run.peer.address && from.port === run.peer.port;
}

/** RFC 1350 §4: a stranger gets ERROR 5 and the transfer goes on. An ERROR is never answered with an ERROR. */
function answerForeign(run: TransferRun, socket: Socket, datagram: Buffer, from: RemoteInfo): void {
  const packet = decodePacket(datagram);
  if ("malformed" in packet || packet.kind === "ERROR" || from.port === 0) return;
  const code = errorCodes.unknownTransferId;
  const message = "this transfer belongs to another port";
  // With a callback, a stranger that cannot be answered does not end the transfer.
  socket.send(encodePacket({ kind: "ERROR", code, message }), from.port, from.address, (error) => {
    if (error) run.logger.debug({ err: error }, "a TFTP stranger could not be answered");
  });
}

async function sendStopped(socket: Socket, run: TransferRun): Promise<void> {
  const code = errorCodes.notDefined;
  const datagram = encodePacket({ kind: "ERROR", code, message: "the transfer was stopped" });
  await new Promise<void>((resolve) => {
    socket.send(datagram, run.peer.port, run.peer.address, () => resolve());
  });
}
