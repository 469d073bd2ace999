// One simulated BMC on the wire: a datagram in, datagrams out. It has no socket and no clock.

import {
  completionCodes as code,
  decodeRequest,
  encodeResponse,
  type IpmiRequest,
} from "../../../src/bmc/ipmi/message.ts";
import {
  decodeDatagram,
  encodePlain,
  encodeRmcpPlus,
  payloadTypes,
  type RmcpPlusDatagram,
} from "../../../src/bmc/ipmi/packet.ts";
import { seal, unseal } from "../../../src/bmc/ipmi/sealed.ts";
import type { Faults } from "../faults.ts";
import type { SimulatedMachine } from "../machine.ts";
import { appCommands } from "./app-commands.ts";
import { chassisCommands } from "./chassis-commands.ts";
import {
  type Caller,
  type Commands,
  commandTable,
  keyOf,
  levels,
  nothing,
  type Reply,
  wrongDataLength,
} from "./command.ts";
import { answerHandshake, type HandshakeSettings } from "./handshake.ts";
import { presencePong } from "./presence.ts";
import { type BmcSession, createSessions } from "./sessions.ts";

export interface ControllerOptions {
  readonly machine: SimulatedMachine;
  readonly settings: HandshakeSettings;
  /** How many there may be at a time. */
  readonly sessions: number;
  readonly faults: Faults;
  /** Hears of a power command that was accepted and then failed. */
  readonly failed: (error: unknown) => void;
}

export interface Controller {
  /** The datagrams that answer one. `now` is epoch milliseconds, here and below. */
  receive(datagram: Buffer, now: number): readonly Buffer[];
}

export function createController(options: ControllerOptions): Controller {
  const { machine, settings, faults, failed } = options;
  const sessions = createSessions(options.sessions, () => undefined);
  let silentUntilMs = 0;
  const reboot = (now: number) => {
    sessions.endAll();
    silentUntilMs = now + faults.rebootSeconds * 1000;
  };
  const commands = commandTable(
    ...appCommands({ machine, settings, faults, endSession: sessions.end, coldReset: reboot }),
    ...chassisCommands(machine, failed),
  );
  const answer = (payload: Buffer, caller: Caller | undefined, now: number) => {
    const request = decodeRequest(payload);
    if ("malformed" in request) return undefined;
    const reply = refusal(faults) ?? run(commands, request, caller, now);
    const [completion, data] = typeof reply === "number" ? [reply, nothing] : [code.ok, reply];
    return encodeResponse({ ...request, completion, data });
  };
  const inSession = (packet: RmcpPlusDatagram, now: number): Buffer | undefined => {
    const session = sessions.find(packet.sessionId, now);
    const payload = session && opened(session, packet);
    if (session?.caller === undefined || payload === undefined) return undefined;
    if (packet.payloadType !== payloadTypes.ipmi) return undefined;
    const response = answer(payload, session.caller, now);
    // It did what it was told, and nobody hears of it.
    if (rebootsNow(faults)) reboot(now);
    else if (response !== undefined) return sealed(session, payloadTypes.ipmi, response, faults);
    return undefined;
  };
  const outside = (packet: RmcpPlusDatagram, now: number): Buffer | undefined => {
    const header = { sessionId: 0, sequence: 0 };
    if (packet.payloadType !== payloadTypes.ipmi) {
      const opening = answerHandshake({ settings, faults, sessions }, packet, now);
      return opening && encodeRmcpPlus({ ...header, ...opening }, opening.payload);
    }
    const response = answer(packet.payload, undefined, now);
    const { payloadType } = packet;
    return response && encodeRmcpPlus({ ...header, payloadType }, response);
  };
  const respond = (datagram: Buffer, now: number): Buffer | undefined => {
    const packet = decodeDatagram(datagram);
    if ("malformed" in packet) return presencePong(datagram);
    if (packet.kind === "rmcp+")
      return packet.sessionId === 0 ? outside(packet, now) : inSession(packet, now);
    const response = answer(packet.payload, undefined, now);
    return response && encodePlain(response);
  };
  return {
    receive: (datagram, now) => {
      const response = now < silentUntilMs ? undefined : respond(datagram, now);
      return response === undefined ? [] : [response];
    },
  };
}

function refusal(faults: Faults): number | undefined {
  if (faults.refusals <= 0) return undefined;
  faults.refusals -= 1;
  return faults.refusalCode;
}

function rebootsNow(faults: Faults): boolean {
  if (faults.rebootsAfter <= 0) return false;
  faults.rebootsAfter -= 1;
  return faults.rebootsAfter === 0;
}

function run(
  commands: Commands,
  request: IpmiRequest,
  caller: Caller | undefined,
  now: number,
): Reply {
  const entry = commands.get(keyOf(request));
  if (entry === undefined) return code.invalidCommand;
  if ((caller?.level ?? levels.none) < entry.level) return code.insufficientPrivilege;
  if (request.data.length < entry.least) return wrongDataLength;
  return entry.run({ data: request.data, now, caller });
}

/** The payload of a datagram of this session; undefined when it is not to be believed or was seen before. */
function opened(session: BmcSession, packet: RmcpPlusDatagram): Buffer | undefined {
  const payload = session.keys ? unseal(session.keys, packet) : packet.payload;
  if ("malformed" in payload) return undefined;
  // Without authentication the numbers are not kept track of (§6.12.13).
  return session.keys === undefined || session.window.accept(packet.sequence) ? payload : undefined;
}

const outsideEveryWindow = 1000;

function sealed(session: BmcSession, payloadType: number, payload: Buffer, faults: Faults): Buffer {
  session.sequence += faults.wrongSequence ? outsideEveryWindow : 1;
  const header = { payloadType, sessionId: session.consoleSessionId, sequence: session.sequence };
  return session.keys
    ? seal(session.keys, { ...header, payload })
    : encodeRmcpPlus(header, payload);
}
