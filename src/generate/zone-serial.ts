// The serial number of a zone: what secondary servers compare to know that there is something to fetch. Pure.

const maxSerial = 0xffff_ffff;

/** The serial in the text of a zone; undefined when there is none to be found. */
export function serialOf(zone: string): number | undefined {
  const digits =
    /^\s*(\d{1,10})\s*;\s*serial\b/im.exec(zone) ??
    /\bSOA\s+\S+\s+\S+\s*\(?\s*(\d{1,10})\b/i.exec(zone);
  const serial = Number(digits?.[1] ?? Number.NaN);
  return serial <= maxSerial ? serial : undefined;
}

/**
 * The serial after `before`: today's first in the form YYYYMMDDnn (RFC 1912 §2.2), or one more where that is not larger, so
 * that it grows also on the hundredth change of a day and after a clock was wrong. After the largest comes 1 (RFC 1982).
 */
export function nextSerial(before: number | undefined, nowMs: number): number {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "");
  const first = Number(`${day}01`);
  if (before === undefined || before < first) return first;
  return before === maxSerial ? 1 : before + 1;
}
