// One simulated BMC on the wire: a datagram in, datagrams out. It has no socket and no clock.

import {
  decodeDatagram,
  encodePlain,
  encodeRmcpPlus,
  type PlainDatagram,
  payloadTypes,
  type RmcpPlusDatagram,
} from "../../../src/bmc/ipmi/packet.ts";
import { encodeSol } from "../../../src/bmc/ipmi/sol.ts";
import type { Faults } from "../faults.ts";
import type { SimulatedMachine } from "../machine.ts";
import { appCommands } from "./app-commands.ts";
import { chassisCommands } from "./chassis-commands.ts";
import { commandTable } from "./command.ts";
import { createDispatch, type Dispatch } from "./dispatch.ts";
import { fruCommands } from "./fru-commands.ts";
import { answerHandshake, type Handshake, type HandshakeSettings } from "./handshake.ts";
import { payloadCommands } from "./payload-commands.ts";
import { presencePong } from "./presence.ts";
import { selCommands } from "./sel-commands.ts";
import { sensorCommands } from "./sensor-commands.ts";
import { opened, sealed } from "./session-wire.ts";
import { type BmcSession, createSessions, type Peer } from "./sessions.ts";
import { createSolPort } from "./sol-port.ts";
import { userCommands } from "./user-commands.ts";

export interface ControllerOptions {
  readonly machine: SimulatedMachine;
  readonly settings: HandshakeSettings;
  /** How many there may be at a time. */
  readonly sessions: number;
  readonly faults: Faults;
  /** UDP port that it is reached at. */
  readonly port: number;
  /** Hears of a power command that was accepted and then failed. */
  readonly failed: (error: unknown) => void;
}

/** A datagram that the BMC sends. */
export interface Outgoing {
  readonly to: Peer;
  readonly datagram: Buffer;
}

/** `now` is epoch milliseconds. */
export interface Controller {
  /** What a datagram is answered with. */
  receive(datagram: Buffer, from: Peer, now: number): readonly Outgoing[];
  /** The machine prints on its serial console. */
  print(data: Buffer, now: number): readonly Outgoing[];
  /** The deadline has passed: what was not acknowledged is sent again. */
  wake(now: number): readonly Outgoing[];
  /** When to wake it; undefined while nothing is to be waited for. */
  readonly deadline: number | undefined;
  /** How many sessions are open. */
  sessionCount(now: number): number;
}

export function createController(options: ControllerOptions): Controller {
  const { settings, faults } = options;
  let silentUntilMs = 0;
  const board = createBoard(options, (now) => {
    board.sessions.endAll();
    silentUntilMs = now + faults.rebootSeconds * 1000;
  });
  const { sol, sessions, dispatch } = board;
  const sendSol = (id: number | undefined, payloads: readonly Buffer[], now: number) => {
    const session = id === undefined ? undefined : sessions.peek(id, now);
    if (session === undefined) return [];
    return payloads.map((payload) => ({
      to: session.peer,
      datagram: sealed(session, payloadTypes.sol, payload, faults),
    }));
  };
  const command = (session: BmcSession, payload: Buffer, now: number): readonly Outgoing[] => {
    const response = dispatch(payload, session.caller, now);
    // It did what it was told, and nobody hears of it.
    if (rebootsNow(faults)) {
      board.reboot(now);
      return [];
    }
    if (response === undefined) return [];
    const datagram = sealed(session, payloadTypes.ipmi, response, faults);
    const robbed = board.robbed.splice(0);
    return [
      { to: session.peer, datagram },
      ...robbed.flatMap((id) => sendSol(id, [encodeSol({ deactivating: true })], now)),
    ];
  };
  const inSession = (packet: RmcpPlusDatagram, from: Peer, now: number): readonly Outgoing[] => {
    const session = sessions.peek(packet.sessionId, now);
    const payload = session && opened(session, packet);
    if (session?.caller === undefined || payload === undefined) return [];
    session.heardMs = now;
    session.peer = from;
    if (packet.payloadType === payloadTypes.ipmi) return command(session, payload, now);
    const isSol = packet.payloadType === payloadTypes.sol && sol.sessionId === session.id;
    return isSol ? sendSol(session.id, sol.receive(payload, now), now) : [];
  };
  const respond = (datagram: Buffer, from: Peer, now: number): readonly Outgoing[] => {
    const packet = decodeDatagram(datagram);
    if ("kind" in packet && packet.kind === "rmcp+" && packet.sessionId !== 0)
      return inSession(packet, from, now);
    const response =
      "malformed" in packet
        ? presencePong(datagram)
        : outside({ settings, faults, sessions }, packet, dispatch, from, now);
    return response === undefined ? [] : [{ to: from, datagram: response }];
  };
  return {
    receive: (datagram, from, now) => (now < silentUntilMs ? [] : respond(datagram, from, now)),
    print: (data, now) => sendSol(sol.sessionId, sol.print(data, now), now),
    wake: (now) => sendSol(sol.sessionId, sol.wake(now), now),
    get deadline() {
      return sol.deadline;
    },
    sessionCount: sessions.count,
  };
}

/** What the BMC is made of: its sessions, its serial port and its commands. */
function createBoard(options: ControllerOptions, reboot: (now: number) => void) {
  const { machine, settings, faults } = options;
  const sol = createSolPort(machine, faults);
  const sessions = createSessions(options.sessions, (id) => {
    if (sol.sessionId === id) sol.deactivate();
  });
  // Those who lost the console to the command that is being answered.
  const robbed: number[] = [];
  const commands = commandTable(
    ...appCommands({ machine, settings, faults, endSession: sessions.end, coldReset: reboot }),
    ...chassisCommands(machine, options.failed),
    ...sensorCommands(machine),
    ...selCommands(machine),
    ...fruCommands(machine),
    ...userCommands(machine.users),
    ...payloadCommands(sol, options.port, (id) => robbed.push(id)),
  );
  return { sol, sessions, robbed, reboot, dispatch: createDispatch(commands, faults) };
}

/** The answer to what comes without a session: messages in the header of IPMI 1.5 or of RMCP+, and what opens a session. */
function outside(
  handshake: Handshake,
  packet: PlainDatagram | RmcpPlusDatagram,
  dispatch: Dispatch,
  from: Peer,
  now: number,
): Buffer | undefined {
  if (packet.kind === "plain") {
    const response = dispatch(packet.payload, undefined, now);
    return response && encodePlain(response);
  }
  const header = { sessionId: 0, sequence: 0 };
  const { payloadType } = packet;
  if (payloadType === payloadTypes.ipmi) {
    const response = dispatch(packet.payload, undefined, now);
    return response && encodeRmcpPlus({ ...header, payloadType }, response);
  }
  const opening = answerHandshake(handshake, packet, from, now);
  return opening && encodeRmcpPlus({ ...header, ...opening }, opening.payload);
}

function rebootsNow(faults: Faults): boolean {
  if (faults.rebootsAfter <= 0) return false;
  faults.rebootsAfter -= 1;
  return faults.rebootsAfter === 0;
}
