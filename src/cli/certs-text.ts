// What the commands about certificates say in the same words.

import type { CertificatesView } from "../api/certificate-shapes.ts";
import { formatDuration, formatTime, printable } from "./table.ts";

/** Who signs, until when, and how to know it. */
export function authorityLines(authority: CertificatesView["authority"], nowMs: number): string[] {
  const { subject, source, key, encrypted, notAfterMs, fingerprint } = authority;
  const origin = source === "made" ? "made here" : "the operator's own";
  const lock = encrypted ? "under a passphrase" : "without a passphrase";
  const head = `CA ${subject}, ${origin}: ${endText(notAfterMs, nowMs)}, key ${key} ${lock}`;
  return [printable(head), printable(`   SHA-256 ${fingerprint}`)];
}

function endText(notAfterMs: number, nowMs: number): string {
  const when = formatTime(notAfterMs);
  return notAfterMs > nowMs
    ? `ends ${when} (in ${formatDuration(notAfterMs - nowMs)})`
    : `ended ${when}`;
}
