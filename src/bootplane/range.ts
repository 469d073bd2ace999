// The Range header of a request, as far as one file's download needs it (RFC 9110 §14). Pure.

export interface Slice {
  readonly start: number;
  /** The last octet, included. */
  readonly end: number;
}

/**
 * The part of `sizeBytes` octets that is asked for. A header that is absent, unreadable or asks for several
 * parts means the whole file, as RFC 9110 §14.2 allows.
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): Slice | "whole" | "unsatisfiable" {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "");
  if (match === null) return "whole";
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return "whole";
  if (first === "") {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? "unsatisfiable" : { start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== "" && Number(last) < start) return "whole";
  return start >= sizeBytes ? "unsatisfiable" : { start, end };
}
