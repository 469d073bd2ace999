// Whether a request may be served, before anybody looks for its file. Pure.

import { cleanFileName } from "./file-name.ts";
import { errorCodes, type RequestPacket } from "./packet.ts";

/** The cleaned name of a request that may be served, or the ERROR it gets. */
export function judgeRequest(
  packet: RequestPacket,
): string | { readonly code: number; readonly message: string } {
  if (packet.kind === "WRQ")
    return { code: errorCodes.accessViolation, message: "this server is read-only" };
  if (packet.mode !== "octet" && packet.mode !== "netascii")
    return { code: errorCodes.illegalOperation, message: "mode must be octet or netascii" };
  const name = cleanFileName(packet.file);
  return name ?? { code: errorCodes.accessViolation, message: "this name is not served" };
}
