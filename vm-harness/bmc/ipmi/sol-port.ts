// Serial over LAN as a BMC does it (IPMI 2.0 §15): one packet under way at a time, each sent again until it is acknowledged. It
// has no socket and no clock.

import { decodeSol, encodeSol, type SolPacket } from "../../../src/bmc/ipmi/sol.ts";
import type { Faults } from "../faults.ts";
import type { SimulatedMachine } from "../machine.ts";

/** Octets of text in one packet. */
export const solPacketLength = 200;
const resendMs = 250;
const mostSends = 8;
const bufferLength = 64 * 1024;

interface UnderWay {
  readonly sequence: number;
  readonly data: Buffer;
  sends: number;
  resendAt: number;
}

export interface SolPort {
  /** The session that has the console. */
  readonly sessionId: number | undefined;
  activate(sessionId: number): void;
  deactivate(): void;
  /** A payload from the console. These and the functions below give payloads to be sent to it. */
  receive(payload: Buffer, now: number): readonly Buffer[];
  /** Text that the machine prints. What comes while nobody has the console is lost. */
  print(data: Buffer, now: number): readonly Buffer[];
  /** The deadline has passed. */
  wake(now: number): readonly Buffer[];
  /** When to wake it, if nothing comes before. */
  readonly deadline: number | undefined;
}

export function createSolPort(machine: SimulatedMachine, faults: Faults): SolPort {
  let sessionId: number | undefined;
  let waiting = Buffer.alloc(0);
  let underWay: UnderWay | undefined;
  let lastSent = 0;
  let lastHeard: { readonly sequence: number; readonly ack: Buffer } | undefined;

  const next = (now: number): readonly Buffer[] => {
    if (underWay !== undefined || waiting.length === 0) return [];
    // From 1 to 15; 0 is for packets that need no acknowledgement.
    lastSent = (lastSent % 15) + 1;
    const data = waiting.subarray(0, solPacketLength);
    waiting = waiting.subarray(solPacketLength);
    underWay = { sequence: lastSent, data, sends: 1, resendAt: now + resendMs };
    return [encodeSol({ sequence: lastSent, data })];
  };
  const acknowledge = ({ acknowledged, accepted, nack }: SolPacket) => {
    // Refused: it is sent again when its time comes.
    if (underWay === undefined || underWay.sequence !== acknowledged || nack) return;
    waiting = Buffer.concat([underWay.data.subarray(accepted), waiting]);
    underWay = undefined;
  };
  const typed = ({ sequence, data, sendBreak }: SolPacket): readonly Buffer[] => {
    if (sequence === 0) return [];
    if (sequence === lastHeard?.sequence) return [lastHeard.ack];
    if (sendBreak) machine.breakConsole();
    const accepted = Math.min(data.length, faults.consoleTakes);
    if (accepted > 0) machine.typeConsole(Buffer.from(data.subarray(0, accepted)));
    const nack = accepted === 0 && data.length > 0;
    const ack = encodeSol({ acknowledged: sequence, accepted, nack });
    // A refused packet may come again with its number.
    if (!nack) lastHeard = { sequence, ack };
    return [ack];
  };
  const stop = () => {
    sessionId = undefined;
    waiting = Buffer.alloc(0);
    underWay = undefined;
    lastHeard = undefined;
    lastSent = 0;
  };
  return {
    get sessionId() {
      return sessionId;
    },
    get deadline() {
      return underWay?.resendAt;
    },
    activate: (id) => {
      stop();
      sessionId = id;
    },
    deactivate: stop,
    receive: (payload, now) => {
      const packet = decodeSol(payload);
      if ("malformed" in packet) return [];
      if (packet.acknowledged !== 0) acknowledge(packet);
      return [...typed(packet), ...next(now)];
    },
    print: (data, now) => {
      if (sessionId === undefined) return [];
      // What there is no room for is lost.
      waiting = Buffer.concat([waiting, data.subarray(0, bufferLength - waiting.length)]);
      return next(now);
    },
    wake: (now) => {
      if (underWay === undefined || now < underWay.resendAt) return [];
      if (underWay.sends >= mostSends) {
        // Nobody is there (§15.5): the text is lost, the session ends by itself.
        underWay = undefined;
        return next(now);
      }
      underWay.sends += 1;
      underWay.resendAt = now + resendMs;
      return [encodeSol({ sequence: underWay.sequence, data: underWay.data })];
    },
  };
}
