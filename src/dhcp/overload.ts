// What is passed over when more requests have come in than can be answered in time. It looks at the octets alone: shedding
// must cost less than answering.

import { type Mac, macFromBytes } from "../net/mac.ts";
import { messageTypes } from "./client.ts";
import { option } from "./options.ts";

const chaddrOffset = 28;
const optionsOffset = 240;
/** DISCOVERs that are answered out of one batch. */
export const mostDiscovers = 512;

/**
 * The datagrams of a batch that get no answer: strangers' DISCOVERs beyond the newest 512. The senders of the oldest will
 * have asked again by now; a REQUEST ends what was begun, and a declared machine is never passed over.
 */
export function surplus<R extends { readonly datagram: Buffer }>(
  requests: readonly R[],
  isDeclared: (mac: Mac) => boolean,
): ReadonlySet<R> {
  if (requests.length <= mostDiscovers) return new Set();
  const discovers = requests.filter(
    ({ datagram }) => isDiscover(datagram) && !isDeclared(senderOf(datagram)),
  );
  return new Set(discovers.slice(0, Math.max(0, discovers.length - mostDiscovers)));
}

// Every client in use puts the message type first; one that does not is not passed over.
function isDiscover(datagram: Buffer): boolean {
  return (
    datagram[optionsOffset] === option.messageType &&
    datagram[optionsOffset + 2] === messageTypes.DISCOVER
  );
}

function senderOf(datagram: Buffer): Mac {
  // An empty one is nobody's.
  return macFromBytes(datagram.subarray(chaddrOffset, chaddrOffset + 6)) ?? ("" as Mac);
}
