// Both directions of a serial console, without socket and clock: each packet is acknowledged, one is under way at a time and is
// sent again until it is (IPMI 2.0 §15.11).

import { encodeSol, type SolPacket } from "./sol.ts";

export interface SolTransfer {
  /** Takes a packet from the BMC: what to answer, and what the machine printed. */
  receive(
    packet: SolPacket,
    now: number,
  ): { readonly send: readonly Buffer[]; readonly printed: Buffer };
  /** Queues what is typed. Returns what to send now. */
  type(data: Buffer, now: number): readonly Buffer[];
  sendBreak(now: number): readonly Buffer[];
  /** When `wake` is to be called. Undefined: there is nothing to send. */
  readonly deadline: number | undefined;
  /** Gives what is to be sent now, once more or at last; undefined when the BMC never acknowledged it. */
  wake(now: number): readonly Buffer[] | undefined;
  /** Octets that are not acknowledged yet. */
  readonly pending: number;
}

const repeatMs = 700;
const tries = 8;

interface UnderWay {
  readonly sequence: number;
  readonly data: Buffer;
  readonly datagram: Buffer;
  sentMs: number;
  tries: number;
}

/** `maxOutbound`: how many octets the BMC takes in one packet. */
export function createSolTransfer(maxOutbound: number): SolTransfer {
  let waiting: Buffer = Buffer.alloc(0);
  let breaks = 0;
  let underWay: UnderWay | undefined;
  let sequence = 0;
  // A BMC that takes nothing is not asked again at once.
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  // Of the last packet with data: a repeated one may have grown since.
  let last = { sequence: 0, length: 0 };

  const next = (now: number): readonly Buffer[] => {
    if (underWay !== undefined || now < notBeforeMs) return [];
    const sendBreak = breaks > 0;
    const data = sendBreak ? Buffer.alloc(0) : waiting.subarray(0, maxOutbound);
    if (!sendBreak && data.length === 0) return [];
    if (sendBreak) breaks -= 1;
    else waiting = waiting.subarray(data.length);
    sequence = (sequence % 15) + 1;
    const datagram = encodeSol({ sequence, data, sendBreak });
    underWay = { sequence, data, datagram, sentMs: now, tries: 1 };
    return [datagram];
  };

  const acknowledged = ({ acknowledged, accepted, nack }: SolPacket, now: number) => {
    if (underWay === undefined || acknowledged !== underWay.sequence) return;
    // What was not taken goes in front of what waits. A NACK may still have taken a part.
    const taken = nack || accepted < underWay.data.length ? accepted : underWay.data.length;
    waiting = Buffer.concat([underWay.data.subarray(taken), waiting]);
    if (nack) notBeforeMs = now + repeatMs;
    underWay = undefined;
  };

  return {
    receive: (packet, now) => {
      if (packet.acknowledged !== 0) acknowledged(packet, now);
      if (packet.sequence === 0) return { send: next(now), printed: Buffer.alloc(0) };
      const known = packet.sequence === last.sequence ? last.length : 0;
      last = { sequence: packet.sequence, length: Math.max(known, packet.data.length) };
      const acknowledgement = encodeSol({
        acknowledged: packet.sequence,
        accepted: packet.data.length,
      });
      return { send: [acknowledgement, ...next(now)], printed: packet.data.subarray(known) };
    },
    type: (data, now) => {
      waiting = Buffer.concat([waiting, data]);
      return next(now);
    },
    sendBreak: (now) => {
      breaks += 1;
      return next(now);
    },
    get deadline() {
      if (underWay !== undefined) return underWay.sentMs + repeatMs;
      return waiting.length > 0 || breaks > 0 ? notBeforeMs : undefined;
    },
    wake: (now) => {
      if (underWay === undefined) return next(now);
      if (underWay.tries >= tries) return undefined;
      underWay.tries += 1;
      underWay.sentMs = now;
      return [underWay.datagram];
    },
    get pending() {
      return waiting.length + (underWay?.data.length ?? 0);
    },
  };
}
