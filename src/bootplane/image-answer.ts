// What a request for an image is answered with, before any octet of it is read (RFC 9110 §13 and §14). Pure.

import { parseRange, type Slice } from "./range.ts";

export interface ImageRequest {
  readonly method: string;
  readonly headers: {
    readonly range?: string | undefined;
    readonly "if-match"?: string | undefined;
    readonly "if-range"?: string | undefined;
    readonly "if-none-match"?: string | undefined;
  };
}

export interface ImageAnswer {
  readonly status: 200 | 206 | 304 | 412 | 416;
  readonly headers: Readonly<Record<string, string | number>>;
  /** The octets of the body; none for HEAD, 304, 412 and 416. */
  readonly part?: Slice;
}

/** `etag` with its quotes; it is a strong one. */
export function answerImage(
  { method, headers }: ImageRequest,
  { etag, sizeBytes }: { readonly etag: string; readonly sizeBytes: number },
): ImageAnswer {
  const general = { "accept-ranges": "bytes", etag };
  const { "if-match": ifMatch = "*" } = headers;
  // RFC 9110 §13.1.1: compared strongly. §13.2.2: before all other conditions.
  if (!namesOf(ifMatch).some((name) => name === etag || name === "*"))
    return { status: 412, headers: { ...general, "content-length": 0 } };
  if (isNamed(headers["if-none-match"], etag)) return { status: 304, headers: general };
  const whole = { ...general, "content-length": sizeBytes };
  // RFC 9110 §14.2: a range is for GET alone.
  if (method !== "GET") return { status: 200, headers: whole };
  const { "if-range": ifRange } = headers;
  const stale = ifRange !== undefined && ifRange.trim() !== etag;
  const part = parseRange(stale ? undefined : headers.range, sizeBytes);
  if (part === "whole")
    return { status: 200, headers: whole, part: { start: 0, end: sizeBytes - 1 } };
  if (part === "unsatisfiable") {
    const range = { "content-range": `bytes */${sizeBytes}`, "content-length": 0 };
    return { status: 416, headers: { ...general, ...range } };
  }
  const range = `bytes ${part.start}-${part.end}/${sizeBytes}`;
  const lengths = { "content-range": range, "content-length": part.end + 1 - part.start };
  return { status: 206, headers: { ...general, ...lengths }, part };
}

/** RFC 9110 §13.1.2: a list, compared weakly, or `*` for any. */
function isNamed(ifNoneMatch: string | undefined, etag: string): boolean {
  const names = namesOf(ifNoneMatch ?? "").map((name) => name.replace(/^W\//, ""));
  return names.includes(etag) || names.includes("*");
}

function namesOf(list: string): string[] {
  return list.split(",").map((name) => name.trim());
}
