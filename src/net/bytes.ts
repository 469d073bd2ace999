// A cursor over bytes that never reads outside them. Decoders ask for what they need and get undefined at the end.

export class ByteReader {
  #offset = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number | undefined {
    return this.remaining < 1 ? undefined : this.#bytes[this.#offset++];
  }

  u16(): number | undefined {
    if (this.remaining < 2) return undefined;
    this.#offset += 2;
    return this.#bytes.readUInt16BE(this.#offset - 2);
  }

  u32(): number | undefined {
    if (this.remaining < 4) return undefined;
    this.#offset += 4;
    return this.#bytes.readUInt32BE(this.#offset - 4);
  }

  /** The next `length` octets as a view, or undefined (and no move) when fewer are left. */
  bytes(length: number): Buffer | undefined {
    if (length < 0 || this.remaining < length) return undefined;
    const view = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }
  /** The octets before the next `octet` as a view, or undefined (and no move) when there is none. Moves behind it. */
  upTo(octet: number): Buffer | undefined {
    const end = this.#bytes.indexOf(octet, this.#offset);
    if (end === -1) return undefined;
    const view = this.#bytes.subarray(this.#offset, end);
    this.#offset = end + 1;
    return view;
  }
}
