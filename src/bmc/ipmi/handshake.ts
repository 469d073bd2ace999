// How an RMCP+ session begins: Open Session, then each side shows the other that it knows the password (RAKP 1 to 4, IPMI 2.0
// §13.15 to §13.24).

import { randomBytes, randomInt } from "node:crypto";
import type { Secret } from "../../net/secret.ts";
import type { BmcError, BmcFailureKind } from "../bmc.ts";
import { answersAtAll } from "./channel.ts";
import { type CipherSuite, cipherSuite } from "./cipher-suites.ts";
import { failureOfStatus } from "./failure.ts";
import type { Link } from "./link.ts";
import { decodeDatagram, encodeRmcpPlus, type Malformed, payloadTypes } from "./packet.ts";
import * as rakp from "./rakp.ts";
import * as keys from "./session-keys.ts";

export interface Credentials {
  readonly user: string;
  readonly password: Secret;
  /** K_G, for BMCs that have one besides the users' passwords. */
  readonly bmcKey?: Secret | undefined;
}

/** Makes the error of this BMC: with its name before and the remedy behind what happened. */
export type Fail = (kind: BmcFailureKind, said: string) => BmcError;

export interface Established {
  readonly consoleSessionId: number;
  readonly bmcSessionId: number;
  readonly keys: keys.SessionKeys;
}

/** Handshakes are answered in milliseconds; a BMC at work with something else takes seconds. */
export const handshakeWaitsMs = [1000, 1500, 2500];

/** Asks for something until it is answered; undefined when it never is. */
type Ask = <T extends { readonly tag: number; readonly status: number }>(
  types: { readonly asked: number; readonly answered: number },
  encode: (tag: number) => Buffer,
  decode: (payload: Buffer) => T | Malformed,
) => Promise<T | undefined>;

/** Goes through the whole handshake. Throws as `openSession` says. */
export async function handshake(
  link: Link,
  credentials: Credentials,
  suiteId: 3 | 17,
  fail: Fail,
  signal?: AbortSignal,
): Promise<Established> {
  const suite = cipherSuite(suiteId);
  const ask = createAsk(link, signal);
  const userKey = Buffer.from(credentials.password.reveal(), "utf8");
  const bmcKey = credentials.bmcKey && Buffer.from(credentials.bmcKey.reveal(), "utf8");
  // What it says is not needed, but pyghmi's BMC, for one, answers no Open Session of somebody who has not asked this.
  if (!(await answersAtAll(link, signal))) throw fail("unreachable", "no answer");
  const opened = await open(ask, suite, fail);
  const said = { ...opened, suite, user: credentials.user };
  const exchange = await authenticateBmc(ask, link, said, userKey, fail);
  const integrityKey = keys.sessionIntegrityKey(exchange, userKey, bmcKey);
  await authenticateConsole(ask, exchange, userKey, integrityKey, fail);
  return { ...opened, keys: keys.deriveKeys(suite, integrityKey) };
}

/** What asks the messages of one handshake. */
export function createAsk(link: Link, signal: AbortSignal | undefined): Ask {
  // An answer carries the tag of what it answers, so that a late one of before is not taken for it.
  let tag = randomInt(256);
  return (types, encode, decode) => {
    tag = (tag + 1) & 0xff;
    const wanted = tag;
    const payload = encode(wanted);
    const header = { payloadType: types.asked, sessionId: 0, sequence: 0 };
    return link.ask(
      {
        datagram: () => encodeRmcpPlus(header, payload),
        answer: (datagram) => {
          const packet = decodeDatagram(datagram);
          if (!("payloadType" in packet) || packet.payloadType !== types.answered) return undefined;
          const message = decode(packet.payload);
          return "malformed" in message || message.tag !== wanted ? undefined : message;
        },
        waitsMs: handshakeWaitsMs,
      },
      signal,
    );
  };
}

function refusal(status: number, fail: Fail): BmcError {
  const { kind, said } = failureOfStatus(status);
  return fail(kind, said);
}

type Opened = Pick<Established, "consoleSessionId" | "bmcSessionId">;

async function open(ask: Ask, suite: CipherSuite, fail: Fail): Promise<Opened> {
  const consoleSessionId = randomInt(1, 0xffff_ffff);
  const role = rakp.administratorByName;
  const response = await ask(
    { asked: payloadTypes.openSessionRequest, answered: payloadTypes.openSessionResponse },
    (tag) => rakp.encodeOpenSessionRequest({ tag, role, consoleSessionId, algorithms: suite }),
    rakp.decodeOpenSessionResponse,
  );
  if (response === undefined) throw fail("timeout", "it answers, and opens no session");
  if (!("bmcSessionId" in response)) throw refusal(response.status, fail);
  if (response.consoleSessionId !== consoleSessionId)
    throw fail("protocol", "it answered somebody else's session");
  const { authentication, integrity, confidentiality } = response.algorithms;
  // A BMC, or somebody in its place, that answers with less than was asked for gets nothing.
  const same =
    authentication === suite.authentication &&
    integrity === suite.integrity &&
    confidentiality === suite.confidentiality;
  if (!same) throw fail("unsupported", `it wants other algorithms than cipher suite ${suite.id}`);
  return { consoleSessionId, bmcSessionId: response.bmcSessionId };
}

async function authenticateBmc(
  ask: Ask,
  link: Link,
  said: Opened & { readonly suite: CipherSuite; readonly user: string },
  userKey: Buffer,
  fail: Fail,
): Promise<keys.Exchange> {
  const role = rakp.administratorByName;
  const consoleRandom = randomBytes(16);
  const { bmcSessionId, user } = said;
  const response = await ask(
    { asked: payloadTypes.rakp1, answered: payloadTypes.rakp2 },
    (tag) => rakp.encodeRakp1({ tag, bmcSessionId, consoleRandom, role, user }),
    rakp.decodeRakp2,
  );
  if (response === undefined)
    throw fail("timeout", "it fell silent at the user's name, as some do when they do not know it");
  if (response.status !== 0) throw refusal(response.status, fail);
  const { bmcRandom, guid, code } = response;
  const exchange = { ...said, consoleRandom, bmcRandom, guid, role };
  if (keys.sameCode(keys.rakp2Code(exchange, userKey), code)) return exchange;
  // Tells the BMC to forget the half-open session (§13.22): it has few.
  const status = rakp.rakpStatus.invalidIntegrityCheck;
  const sorry = rakp.encodeRakp3({ tag: 0, status, bmcSessionId, code: Buffer.alloc(0) });
  link.send(encodeRmcpPlus({ payloadType: payloadTypes.rakp3, sessionId: 0, sequence: 0 }, sorry));
  throw fail("authentication", "wrong password");
}

async function authenticateConsole(
  ask: Ask,
  exchange: keys.Exchange,
  userKey: Buffer,
  integrityKey: Buffer,
  fail: Fail,
): Promise<void> {
  const code = keys.rakp3Code(exchange, userKey);
  const { bmcSessionId } = exchange;
  const response = await ask(
    { asked: payloadTypes.rakp3, answered: payloadTypes.rakp4 },
    (tag) => rakp.encodeRakp3({ tag, status: 0, bmcSessionId, code }),
    rakp.decodeRakp4,
  );
  if (response === undefined) throw fail("timeout", "it fell silent before the session was open");
  if (response.status !== 0) throw refusal(response.status, fail);
  if (!keys.sameCode(keys.rakp4Code(exchange, integrityKey), response.code))
    throw fail("authentication", "its own key (K_G) is another than the node's bmcKey");
}
