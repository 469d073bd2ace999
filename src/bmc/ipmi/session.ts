// One RMCP+ session with a BMC: opened with RAKP, used for one command at a time and for serial over LAN, and closed
// (IPMI 2.0 §13). It knows neither sockets nor when to try again.

import { failureOfCompletion } from "./failure.ts";
import {
  type Credentials,
  type Established,
  type Fail,
  handshake,
  handshakeWaitsMs,
} from "./handshake.ts";
import type { Link, Question } from "./link.ts";
import { decodeResponse, encodeRequest, type IpmiResponse, netFns } from "./message.ts";
import { decodeDatagram, payloadTypes } from "./packet.ts";
import { seal, unseal } from "./sealed.ts";
import { createSequenceWindow } from "./sequence-window.ts";

export interface Command {
  readonly netFn: number;
  readonly command: number;
  readonly data?: Buffer;
}

export interface Session {
  /**
   * Sends one command and gives the response, whatever its completion code; undefined when none came in time.
   * It is sent once for each of `waitsMs`. Not to be called before the last one ended.
   */
  request(
    command: Command,
    waitsMs: readonly number[],
    signal?: AbortSignal,
  ): Promise<IpmiResponse | undefined>;
  sendSol(payload: Buffer): void;
  /** Called with each serial-over-LAN payload; one listener, the last. */
  listenSol(listener: (payload: Buffer) => void): void;
  /** Aborts when the session is closed, by whomever. */
  readonly ended: AbortSignal;
  /** Gives the BMC its session slot back. Never throws: a BMC that does not hear it ends the session itself in a minute. */
  close(): Promise<void>;
}

const closeWaitsMs = [500];

/**
 * Opens a session as administrator. Throws a BmcError: "unreachable" when nothing answers, "unsupported" when the BMC
 * has not this cipher suite, "busy" without a free session, "authentication", or "timeout" when it falls silent half-way.
 */
export async function openSession(
  link: Link,
  credentials: Credentials,
  suiteId: 3 | 17,
  fail: Fail,
  signal?: AbortSignal,
): Promise<Session> {
  const session = createSession(link, await handshake(link, credentials, suiteId, fail, signal));
  await raisePrivilege(session, fail, signal);
  return session;
}

function createSession(link: Link, { consoleSessionId, bmcSessionId, keys }: Established): Session {
  const window = createSequenceWindow();
  let sequence = 0;
  let requestSequence = 0;
  const ended = new AbortController();
  let heardSol: ((payload: Buffer) => void) | undefined;

  const sealed = (payloadType: number, payload: Buffer) => {
    // Never 0, which stands for "outside a session".
    sequence = sequence === 0xffff_ffff ? 1 : sequence + 1;
    return seal(keys, { payloadType, sessionId: bmcSessionId, sequence, payload });
  };
  /** The payload of a datagram of this session that is seen for the first time. */
  const opened = (datagram: Buffer, payloadType: number): Buffer | undefined => {
    const packet = decodeDatagram(datagram);
    if (!("payloadType" in packet) || packet.payloadType !== payloadType) return undefined;
    if (packet.sessionId !== consoleSessionId) return undefined;
    const payload = unseal(keys, packet);
    return "malformed" in payload || !window.accept(packet.sequence) ? undefined : payload;
  };

  link.listen((datagram) => {
    const payload = opened(datagram, payloadTypes.sol);
    if (payload !== undefined) heardSol?.(payload);
  });

  const request: Session["request"] = async ({ netFn, command, data }, waitsMs, signal) => {
    requestSequence = (requestSequence + 1) & 0x3f;
    const message = { netFn, command, sequence: requestSequence, data: data ?? Buffer.alloc(0) };
    const question: Question<IpmiResponse> = {
      datagram: () => sealed(payloadTypes.ipmi, encodeRequest(message)),
      answer: (datagram) => {
        const payload = opened(datagram, payloadTypes.ipmi);
        if (payload === undefined) return undefined;
        const response = decodeResponse(payload);
        if ("malformed" in response) return undefined;
        const same =
          response.sequence === message.sequence &&
          response.command === command &&
          response.netFn === netFn;
        return same ? response : undefined;
      },
      waitsMs,
    };
    return await link.ask(question, signal);
  };

  return {
    request,
    sendSol: (payload) => link.send(sealed(payloadTypes.sol, payload)),
    listenSol: (listener) => {
      heardSol = listener;
    },
    ended: ended.signal,
    close: async () => {
      ended.abort();
      const id = Buffer.alloc(4);
      id.writeUInt32LE(bmcSessionId);
      await request({ netFn: netFns.app, command: closeSessionCommand, data: id }, closeWaitsMs);
    },
  };
}

const setPrivilegeCommand = 0x3b;
const closeSessionCommand = 0x3c;
const administrator = 0x04;
// Not available to this user, and above the limit of the channel or the user (§22.18).
const levelRefusals: readonly number[] = [0x80, 0x81];

/** A session begins with the rights of a user, whatever its role (§22.18). */
async function raisePrivilege(session: Session, fail: Fail, signal?: AbortSignal): Promise<void> {
  const data = Buffer.of(administrator);
  const command = { netFn: netFns.app, command: setPrivilegeCommand, data };
  try {
    const response = await session.request(command, handshakeWaitsMs, signal);
    if (response === undefined)
      throw fail("timeout", "it fell silent right after the session was open");
    if (levelRefusals.includes(response.completion))
      throw fail("authentication", "this user is no administrator");
    if (response.completion !== 0) {
      const { kind, said } = failureOfCompletion(response);
      throw fail(kind, said);
    }
  } catch (error) {
    await session.close();
    throw error;
  }
}
