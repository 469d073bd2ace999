// The netascii mode of RFC 1350 §2 (RFC 764): a line end is CR LF and a lone CR is CR NUL. A client that decodes it gets
// the same octets back, which is why the plain `tftp HOST -c get FILE` of tftp-hpa, whose default this mode is, still
// fetches a loader unharmed.

const cr = 0x0d;
const lf = 0x0a;

// Counting looks at every octet before the first is sent, and everybody else waits for it.
const maxCountedBytes = 4 * 1024 * 1024;

/** How many octets `file` has in netascii; undefined for a file that is too large to be counted. */
export function netasciiSize(file: Buffer): number | undefined {
  if (file.length > maxCountedBytes) return undefined;
  let size = file.length;
  // Counted by index: an iterator takes ten times as long.
  for (let at = 0; at < file.length; at += 1) if (file[at] === cr || file[at] === lf) size += 1;
  return size;
}

/**
 * Gives `file` in netascii as blocks of `blksize` octets, by their numbers from 1; the last is shorter. They are to be
 * asked for in order; of the earlier ones the last `windowsize` can be had again. The file is encoded as it is asked for.
 */
export function netasciiBlocks(
  file: Buffer,
  blksize: number,
  windowsize: number,
): (number: number) => Buffer {
  const kept: Buffer[] = [];
  let made = 0;
  let cursor: Cursor = { at: 0, owed: undefined };
  return (number) => {
    for (; made < number; made += 1) {
      const block = Buffer.allocUnsafe(blksize);
      const { length, next } = encode(file, cursor, block);
      kept[(made + 1) % windowsize] = block.subarray(0, length);
      cursor = next;
    }
    return kept[number % windowsize] ?? Buffer.alloc(0);
  };
}

interface Cursor {
  readonly at: number;
  /** The second octet of a pair whose first was sent. */
  readonly owed: number | undefined;
}

/** Fills `block` with what follows, as far as there is something. */
function encode(file: Buffer, { at, owed }: Cursor, block: Buffer) {
  const most = block.length;
  let from = at;
  let length = 0;
  let second = owed;
  while (length < most) {
    if (second !== undefined) block[length++] = second;
    second = undefined;
    let octet = file[from] ?? 0;
    for (; length < most && from < file.length && octet !== lf && octet !== cr; from += 1) {
      block[length++] = octet;
      octet = file[from + 1] ?? 0;
    }
    if (length === most || from === file.length) break;
    from += 1;
    block[length++] = cr;
    second = octet === lf ? lf : 0;
  }
  return { length, next: { at: from, owed: second } };
}
