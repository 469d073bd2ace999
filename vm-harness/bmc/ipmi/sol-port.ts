// Serial over LAN as a BMC does it (IPMI 2.0 §15): one packet under way at a time, each sent again until it is acknowledged. It
// has no socket and no clock.

import type { Faults } from "../faults.ts";
import type { SimulatedMachine } from "../machine.ts";

/** Octets of text in one packet. */
export const solPacketLength = 200;
const resendMs = 250;
const mostSends = 8;
const bufferLength = 64 * 1024;

// The operation octet from the console (table 15-2) and the status octet from the BMC.
const nack = 0x40;
const generateBreak = 0x10;
const overrun = 0x08;

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
  let lost = false;
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
    const payload = packet(lastSent, 0, 0, lost ? overrun : 0, data);
    lost = false;
    return [payload];
  };
  const acknowledged = (sequence: number, accepted: number, operation: number) => {
    if (underWay === undefined || underWay.sequence !== sequence) return;
    // Refused: it is sent again when its time comes.
    if ((operation & nack) !== 0) return;
    waiting = Buffer.concat([underWay.data.subarray(accepted), waiting]);
    underWay = undefined;
  };
  const typed = (sequence: number, operation: number, data: Buffer): readonly Buffer[] => {
    if (sequence === 0) return [];
    if (sequence === lastHeard?.sequence) return [lastHeard.ack];
    if ((operation & generateBreak) !== 0) machine.breakConsole();
    const taken = Math.min(data.length, faults.consoleTakes);
    if (taken > 0) machine.typeConsole(Buffer.from(data.subarray(0, taken)));
    const refused = taken === 0 && data.length > 0;
    const ack = packet(0, sequence, taken, refused ? nack : 0, Buffer.alloc(0));
    // A refused packet comes again with its number.
    if (!refused) lastHeard = { sequence, ack };
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
      if (payload.length < 4) return [];
      const [sequence, acked] = [payload.readUInt8(0) & 0x0f, payload.readUInt8(1) & 0x0f];
      const operation = payload.readUInt8(3);
      if (acked !== 0) acknowledged(acked, payload.readUInt8(2), operation);
      return [...typed(sequence, operation, payload.subarray(4)), ...next(now)];
    },
    print: (data, now) => {
      if (sessionId === undefined) return [];
      const room = bufferLength - waiting.length;
      if (data.length > room) lost = true;
      waiting = Buffer.concat([waiting, data.subarray(0, room)]);
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
      return [packet(underWay.sequence, 0, 0, 0, underWay.data)];
    },
  };
}

//  sequence | acknowledged sequence | octets taken | operation or status | text
function packet(sequence: number, acked: number, taken: number, status: number, data: Buffer) {
  return Buffer.concat([Buffer.of(sequence, acked, taken, status), data]);
}
