// What is inside a session's datagrams, and how it gets in there: sealed, or in the clear where the session has suite 0.

import { encodeRmcpPlus, type RmcpPlusDatagram } from "../../../src/bmc/ipmi/packet.ts";
import { seal, unseal } from "../../../src/bmc/ipmi/sealed.ts";
import type { Faults } from "../faults.ts";
import type { BmcSession } from "./sessions.ts";

/** The payload of a datagram of this session; undefined when it is not to be believed or was seen before. */
export function opened(session: BmcSession, packet: RmcpPlusDatagram): Buffer | undefined {
  const payload = session.keys ? unseal(session.keys, packet) : packet.payload;
  if ("malformed" in payload) return undefined;
  // Without authentication the numbers are not kept track of (§6.12.13).
  return session.keys === undefined || session.window.accept(packet.sequence) ? payload : undefined;
}

const outsideEveryWindow = 1000;

/** A datagram of this session with that payload. */
export function sealed(
  session: BmcSession,
  payloadType: number,
  payload: Buffer,
  faults: Faults,
): Buffer {
  session.sequence += faults.wrongSequence ? outsideEveryWindow : 1;
  const header = { payloadType, sessionId: session.consoleSessionId, sequence: session.sequence };
  return session.keys
    ? seal(session.keys, { ...header, payload })
    : encodeRmcpPlus(header, payload);
}
