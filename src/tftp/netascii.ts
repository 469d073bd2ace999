// The netascii mode of RFC 1350 §2 (RFC 764): a line end is CR LF and a lone CR is CR NUL.

const cr = 0x0d;
const lf = 0x0a;

/**
 * A file's octets as netascii. A client that decodes it gets the same octets back, which is why the plain
 * `tftp HOST -c get FILE` of tftp-hpa, whose default this mode is, still fetches a loader unharmed.
 */
export function encodeNetascii(data: Buffer): Buffer {
  let extra = 0;
  for (const octet of data) if (octet === cr || octet === lf) extra += 1;
  const encoded = Buffer.allocUnsafe(data.length + extra);
  let at = 0;
  for (const octet of data) {
    if (octet === lf) encoded[at++] = cr;
    encoded[at++] = octet;
    if (octet === cr) encoded[at++] = 0;
  }
  return encoded;
}
