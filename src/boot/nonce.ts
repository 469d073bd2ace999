// The nonce of an armed install: carried by the URLs in its machine's script, and asked back for its documents.
// It is made from the intent's id and a key of this server, so it is stored nowhere and ends with the intent.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** What stands in place of a nonce wherever a script is shown or kept. */
export const shownNonce = "NONCE";

/** 256 bits in base64url. `key` is the server's own secret; an intent's id is used once (nodes/ports.ts). */
export function installNonce(key: string, intentId: string): string {
  return createHmac("sha256", key).update(`install ${intentId}`).digest("base64url");
}

/** Whether `offered` is the nonce. Compares digests, so that neither length nor content shows in the time. */
export function isNonce(offered: string, nonce: string): boolean {
  return timingSafeEqual(digest(offered), digest(nonce));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
