// Why no exchange with a member came about, as a phrase that follows its address.

import { messageOf } from "../net/error-text.ts";

const unsigned = "shows a certificate that the cluster CA did not sign";
const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection: nothing listens there",
  ECONNRESET: "cut the connection",
  EHOSTUNREACH: "can't be reached: no route to the host",
  ENETUNREACH: "can't be reached: no route to the network",
  EPROTO: "does not speak TLS there",
  CERT_HAS_EXPIRED: "shows a certificate that has expired",
  CERT_NOT_YET_VALID: "shows a certificate that is not valid yet: compare the clocks",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unsigned,
  UNABLE_TO_GET_ISSUER_CERT: unsigned,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unsigned,
  SELF_SIGNED_CERT_IN_CHAIN: unsigned,
  DEPTH_ZERO_SELF_SIGNED_CERT: unsigned,
  CERT_SIGNATURE_FAILURE: unsigned,
};

const wrongName = "ERR_TLS_CERT_ALTNAME_INVALID";

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** A certificate does not get better by waiting. */
export function isAboutTrust(error: unknown): boolean {
  const code = codeOf(error);
  return code === wrongName || explanations[code]?.startsWith("shows a certificate") === true;
}

/** Completes the sentence that begins with where the member is; `servername` is the name that its certificate must carry. */
export function explain(error: unknown, servername: string): string {
  const code = codeOf(error);
  if (code === wrongName) return `shows a certificate for another name than ${servername}`;
  // The alerts bad_certificate, certificate_required, unknown_ca (RFC 8446 §6.2), in OpenSSL's many spellings.
  if (/ALERT_(BAD_CERTIFICATE|CERTIFICATE_REQUIRED|UNKNOWN_CA)$/.test(code))
    return "asks for a certificate of the cluster CA and was shown none that it takes";
  return explanations[code] ?? `failed: ${messageOf(error)}`;
}
