// Cipher suite 0: no authentication, no integrity, no encryption. A BMC that has it switched on lets anybody in who knows a user's
// name (CVE-2013-4782). It is asked for here only to warn of it; no command goes through it.

import { randomBytes, randomInt } from "node:crypto";
import { createAsk } from "./handshake.ts";
import type { Link } from "./link.ts";
import { encodeRequest, netFns } from "./message.ts";
import { encodeRmcpPlus, payloadTypes as types } from "./packet.ts";
import * as rakp from "./rakp.ts";

const noAlgorithms = { authentication: 0, integrity: 0, confidentiality: 0 };
const closeSession = 0x3c;

/** Whether a session opens as `user` without a password. One that does is closed at once. False when the BMC falls silent. */
export async function opensWithoutPassword(
  link: Link,
  user: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const ask = createAsk(link, signal);
  const consoleSessionId = randomInt(1, 0xffff_ffff);
  const role = rakp.administratorByName;
  const opened = await ask(
    { asked: types.openSessionRequest, answered: types.openSessionResponse },
    (tag) =>
      rakp.encodeOpenSessionRequest({ tag, role, consoleSessionId, algorithms: noAlgorithms }),
    rakp.decodeOpenSessionResponse,
  );
  if (opened === undefined || !("bmcSessionId" in opened)) return false;
  const { bmcSessionId } = opened;
  const consoleRandom = randomBytes(16);
  const named = await ask(
    { asked: types.rakp1, answered: types.rakp2 },
    (tag) => rakp.encodeRakp1({ tag, bmcSessionId, consoleRandom, role, user }),
    rakp.decodeRakp2,
  );
  if (named?.status !== 0) return false;
  const answer = await ask(
    { asked: types.rakp3, answered: types.rakp4 },
    (tag) => rakp.encodeRakp3({ tag, status: 0, bmcSessionId, code: Buffer.alloc(0) }),
    rakp.decodeRakp4,
  );
  if (answer?.status !== 0) return false;
  const data = Buffer.alloc(4);
  data.writeUInt32LE(bmcSessionId);
  const close = encodeRequest({ netFn: netFns.app, command: closeSession, data, sequence: 1 });
  link.send(
    encodeRmcpPlus({ payloadType: types.ipmi, sessionId: bmcSessionId, sequence: 1 }, close),
  );
  return true;
}
