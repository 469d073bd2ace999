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
  for (const octet of file) if (octet === cr || octet === lf) size += 1;
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
  let at = 0;
  // The second octet of a pair whose first was sent.
  let owed: number | undefined;
  const make = () => {
    const block = Buffer.allocUnsafe(blksize);
    let length = 0;
    while (length < blksize && (owed !== undefined || at < file.length)) {
      if (owed !== undefined) {
        block[length++] = owed;
        owed = undefined;
        continue;
      }
      const octet = file[at++];
      block[length++] = octet === lf ? cr : (octet ?? 0);
      owed = octet === lf ? lf : octet === cr ? 0 : undefined;
    }
    return block.subarray(0, length);
  };
  return (number) => {
    for (; made < number; made += 1) kept[(made + 1) % windowsize] = make();
    return kept[number % windowsize] ?? Buffer.alloc(0);
  };
}
