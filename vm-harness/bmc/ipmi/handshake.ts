// How a session with a simulated BMC begins: Open Session and RAKP 1 to 4 (IPMI 2.0 §13.17 to §13.24), seen from the BMC.

import { type Algorithms, findCipherSuite } from "../../../src/bmc/ipmi/cipher-suites.ts";
import { payloadTypes, type RmcpPlusDatagram } from "../../../src/bmc/ipmi/packet.ts";
import * as rakp from "../../../src/bmc/ipmi/rakp.ts";
import * as keys from "../../../src/bmc/ipmi/session-keys.ts";
import type { Faults } from "../faults.ts";
import type { SimulatedUser } from "../machine.ts";
import { levels } from "./command.ts";
import type { BmcSession, Opening, Peer, Sessions } from "./sessions.ts";

export interface HandshakeSettings {
  readonly suites: readonly (3 | 17)[];
  /** K_G. */
  readonly bmcKey: Buffer | undefined;
  /** As in Get System GUID. */
  readonly guid: Buffer;
  readonly users: readonly SimulatedUser[];
}

export interface Handshake {
  readonly settings: HandshakeSettings;
  readonly faults: Faults;
  readonly sessions: Sessions;
}

type Answerer = (
  handshake: Handshake,
  payload: Buffer,
  now: number,
  from: Peer,
) => Buffer | undefined;

const status = rakp.rakpStatus;
const noCode = Buffer.alloc(0);
const nameOnlyLookup = 0x10;
const highestLevel = 5;

/** The answer to a message that opens a session; undefined when it is none or is not answered. */
export function answerHandshake(
  handshake: Handshake,
  { payloadType, payload }: RmcpPlusDatagram,
  from: Peer,
  now: number,
): { readonly payloadType: number; readonly payload: Buffer } | undefined {
  const answer = answerers.get(payloadType)?.(handshake, payload, now, from);
  // Every answer has the number behind what it answers.
  return answer && { payloadType: payloadType + 1, payload: answer };
}

const answerers = new Map<number, Answerer>([
  [payloadTypes.openSessionRequest, answerOpenSession],
  [payloadTypes.rakp1, answerRakp1],
  [payloadTypes.rakp3, answerRakp3],
]);

function answerOpenSession(
  { settings, faults, sessions }: Handshake,
  payload: Buffer,
  now: number,
  peer: Peer,
): Buffer | undefined {
  const request = rakp.decodeOpenSessionRequest(payload);
  if ("malformed" in request) return undefined;
  const { tag, consoleSessionId, algorithms, role } = request;
  const refuse = (why: number) =>
    rakp.encodeOpenSessionResponse({ tag, status: why, consoleSessionId }, role);
  if (role > highestLevel) return refuse(status.invalidRole);
  const problem = algorithmProblem(algorithms, settings, faults);
  if (problem !== undefined) return refuse(problem);
  const asked = { consoleSessionId, suite: findCipherSuite(algorithms), peer };
  const session = faults.outOfSessions ? undefined : sessions.begin(asked, now);
  if (session === undefined) return refuse(status.insufficientResources);
  // "The highest there is" is asked for as 0 and answered with what that is (§13.18).
  return rakp.encodeOpenSessionResponse(
    { tag, status: 0, consoleSessionId, bmcSessionId: session.id, algorithms },
    role === 0 ? levels.administrator : role,
  );
}

/** The refusal that fits: the first algorithm that no suite of this BMC has, or that no suite has them together. */
function algorithmProblem(
  asked: Algorithms,
  { suites }: HandshakeSettings,
  faults: Faults,
): number | undefined {
  const { authentication, integrity, confidentiality } = asked;
  const suite0 = authentication === 0 && integrity === 0 && confidentiality === 0;
  if (suite0) return faults.offersSuite0 ? undefined : status.noCipherSuiteMatch;
  const suite = findCipherSuite(asked);
  if (suite !== undefined && suites.includes(suite.id)) return undefined;
  if (authentication > 3) return status.invalidAuthentication;
  if (integrity > 4) return status.invalidIntegrity;
  if (confidentiality > 3) return status.invalidConfidentiality;
  return status.noCipherSuiteMatch;
}

function answerRakp1(
  { settings, sessions }: Handshake,
  payload: Buffer,
  now: number,
): Buffer | undefined {
  const message = rakp.decodeRakp1(payload);
  if ("malformed" in message) return undefined;
  const { tag, role, consoleRandom } = message;
  const session = sessions.find(message.bmcSessionId, now);
  const consoleSessionId = session?.consoleSessionId ?? 0;
  const refuse = (why: number) => {
    const empty = { bmcRandom: noCode, guid: noCode, code: noCode };
    return rakp.encodeRakp2({ tag, status: why, consoleSessionId, ...empty });
  };
  if (session === undefined || session.caller !== undefined) return refuse(status.invalidSessionId);
  const user = findUser(settings.users, message.user, role);
  if (typeof user === "number") {
    sessions.end(session.id);
    return refuse(user);
  }
  session.opening = { user, role, consoleRandom: Buffer.from(consoleRandom) };
  const { guid } = settings;
  const exchange = exchangeOf(session, session.opening, guid);
  const code = exchange ? keys.rakp2Code(exchange, userKey(user)) : noCode;
  const { bmcRandom } = session;
  return rakp.encodeRakp2({ tag, status: 0, consoleSessionId, bmcRandom, guid, code });
}

/** Who it is, or the status of the refusal. Without the lookup bit a name is looked for among those of that level. */
function findUser(
  users: readonly SimulatedUser[],
  name: string,
  role: number,
): SimulatedUser | number {
  const level = role & 0x0f;
  if (level === 0 || level > highestLevel) return status.invalidRole;
  const named = users.filter((user) => user.name === name && user.enabled);
  const able = named.find((user) => levelOf(user) >= level);
  if (named.length === 0) return status.unauthorizedName;
  const user = (role & nameOnlyLookup) !== 0 ? named[0] : able;
  return user !== undefined && levelOf(user) >= level ? user : status.unauthorizedRole;
}

function levelOf(user: SimulatedUser): number {
  return user.administrator ? levels.administrator : levels.user;
}

/** Undefined with suite 0, whose sides exchange no codes. */
function exchangeOf(
  session: BmcSession,
  opening: Opening,
  guid: Buffer,
): keys.Exchange | undefined {
  const { suite, consoleSessionId, id: bmcSessionId, bmcRandom } = session;
  const { user, role, consoleRandom } = opening;
  const said = { consoleSessionId, bmcSessionId, consoleRandom, bmcRandom, guid, role };
  return suite && { ...said, suite, user: user.name };
}

function userKey(user: SimulatedUser): Buffer {
  return Buffer.from(user.password, "utf8");
}

function answerRakp3(
  { settings, sessions }: Handshake,
  payload: Buffer,
  now: number,
): Buffer | undefined {
  const message = rakp.decodeRakp3(payload);
  if ("malformed" in message) return undefined;
  const { tag } = message;
  const session = sessions.find(message.bmcSessionId, now);
  const opening = session?.opening;
  const answer = (why: number, code: Buffer) =>
    rakp.encodeRakp4({ tag, status: why, consoleSessionId: session?.consoleSessionId ?? 0, code });
  if (session === undefined || opening === undefined)
    return answer(status.invalidSessionId, noCode);
  // The console gives up, and wants no answer (§13.22). A session that is open stays so.
  if (message.status !== 0) {
    if (session.caller === undefined) sessions.end(session.id);
    return undefined;
  }
  const exchange = exchangeOf(session, opening, settings.guid);
  const code = exchange ? prove(session, exchange, opening, message.code, settings.bmcKey) : noCode;
  if (code === undefined) {
    if (session.caller === undefined) sessions.end(session.id);
    return answer(status.invalidIntegrityCheck, noCode);
  }
  const highest = Math.min(opening.role & 0x0f, levelOf(opening.user));
  // It begins with the rights of a user (§22.18). A RAKP 3 that comes twice changes nothing.
  session.caller ??= {
    ...{ sessionId: session.id, user: opening.user },
    ...{ level: levels.user, highestLevel: highest },
  };
  return answer(status.ok, code);
}

/** Gives the session its keys and the code of RAKP 4; undefined when the console's code is wrong. */
function prove(
  session: BmcSession,
  exchange: keys.Exchange,
  { user }: Opening,
  consoleCode: Buffer,
  bmcKey: Buffer | undefined,
): Buffer | undefined {
  const key = userKey(user);
  if (!keys.sameCode(keys.rakp3Code(exchange, key), consoleCode)) return undefined;
  const integrityKey = keys.sessionIntegrityKey(exchange, key, bmcKey);
  session.keys ??= keys.deriveKeys(exchange.suite, integrityKey);
  return keys.rakp4Code(exchange, integrityKey);
}
