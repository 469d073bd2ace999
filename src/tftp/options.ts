// Which options of a read request are in force, and what the OACK says of them.
// RFC 2347 (negotiation), 2348 (blksize), 2349 (timeout, tsize), 7440 (windowsize).

/** Block size without negotiation, RFC 1350 §2. */
const defaultBlksize = 512;

/** The largest block, RFC 2348. */
export const largestBlksize = 65464;

// A window of 64 large blocks already fills a gigabit link; the RFC lets a server answer with less than was asked.
const maxWindowsize = 64;

// Window times block size is what one lost packet makes us send again, and what a small receive buffer must hold.
const maxWindowBytes = 128 * 1024;

export interface Negotiated {
  readonly blksize: number;
  readonly windowsize: number;
  /** The client's retransmission time, when it named one we take. */
  readonly timeoutMs: number | undefined;
  /** What the OACK carries, in the order of the request; empty means no OACK is sent. */
  readonly acknowledged: ReadonlyMap<string, string>;
}

/**
 * Judges the options of a request for a file of `sizeBytes` octets on the wire, undefined when that is not known. An
 * option that is unknown or has a value outside its RFC's range is left out of the OACK, which says that it is not in
 * force. The answer to blksize is never more than was asked, nor more than `maxBlksize`, 512 or more.
 */
export function negotiate(
  options: ReadonlyMap<string, string>,
  sizeBytes: number | undefined,
  maxBlksize: number,
): Negotiated {
  const acknowledged = new Map<string, string>();
  const askedBlksize = number(options.get("blksize"), 8, largestBlksize);
  const blksize = askedBlksize === undefined ? undefined : Math.min(askedBlksize, maxBlksize);
  const asked = number(options.get("windowsize"), 1, 65535);
  const byBytes = Math.max(1, Math.floor(maxWindowBytes / (blksize ?? defaultBlksize)));
  const windowsize = asked === undefined ? undefined : Math.min(asked, maxWindowsize, byBytes);
  const timeout = number(options.get("timeout"), 1, 255);
  const tsize = number(options.get("tsize"), 0, Number.MAX_SAFE_INTEGER);
  const answers: Readonly<Record<string, number | undefined>> = {
    blksize,
    windowsize,
    timeout,
    tsize: tsize === undefined ? undefined : sizeBytes,
  };
  for (const name of options.keys()) {
    const answer = Object.hasOwn(answers, name) ? answers[name] : undefined;
    if (answer !== undefined) acknowledged.set(name, String(answer));
  }
  return {
    blksize: blksize ?? defaultBlksize,
    windowsize: windowsize ?? 1,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    acknowledged,
  };
}

function number(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}
