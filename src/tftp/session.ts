// Drives one transfer over a socket of its own until it ends. What to send is decided in transfer.ts.

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Logger } from "pino";
import type { Ipv4 } from "../net/ipv4.ts";
import { decodePacket, encodePacket, errorCodes } from "./packet.ts";
import type { Transfer, TransferOutcome } from "./transfer.ts";

export type TransferEnd = TransferOutcome | "stopped";

export interface TransferRun {
  readonly transfer: Transfer;
  /** The address to send from. */
  readonly address: Ipv4;
  readonly peer: { readonly address: string; readonly port: number };
  readonly now: () => number;
  readonly logger: Logger;
  /** Ends the transfer early, with an ERROR to the client. */
  readonly signal: AbortSignal;
}

/** Sends the file to the peer. Resolves when the transfer is over and its socket closed; never rejects. */
export async function runTransfer(run: TransferRun): Promise<TransferEnd> {
  const socket = createSocket("udp4");
  const end = await new Promise<TransferEnd>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = (outcome: TransferEnd) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const proceed = (datagrams: readonly Buffer[]) => {
      const { transfer, peer } = run;
      for (const datagram of datagrams) socket.send(datagram, peer.port, peer.address);
      if (transfer.outcome !== undefined) {
        finish(transfer.outcome);
        return;
      }
      clearTimeout(timer);
      const onDeadline = () => proceed(transfer.onTimeout(run.now()));
      timer = setTimeout(onDeadline, Math.max(0, Math.ceil(transfer.deadline - run.now())));
    };
    socket.on("error", (error) => {
      run.logger.warn({ err: error, client: run.peer.address }, "a TFTP transfer's socket failed");
      finish("failed");
    });
    socket.on("message", (datagram, from) => {
      if (!isPeer(run, from)) answerForeign(run, socket, datagram, from);
      else proceed(receive(run, datagram));
    });
    run.signal.addEventListener("abort", () => finish("stopped"), { once: true });
    socket.bind({ address: run.address, port: 0 }, () => proceed(run.transfer.start(run.now())));
  });
  if (end === "stopped") await sendStopped(socket, run);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return end;
}

function receive(run: TransferRun, datagram: Buffer): Buffer[] {
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
