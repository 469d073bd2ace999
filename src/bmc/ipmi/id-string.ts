// Names in sensor records and inventories: an octet with type and length, then the text (IPMI 2.0 §43.15, Platform Management
// FRU Information Storage Definition 1.3 §13).

const bcdPlus = "0123456789 -.:,_";

/** The text behind the type/length octet that `bytes` begins with; what is cut short ends early. Never throws. */
export function decodeIdString(bytes: Buffer): string {
  const typeLength = bytes[0] ?? 0;
  const body = bytes.subarray(1, 1 + (typeLength & 0x3f));
  return printable(decodeBody(typeLength >> 6, body));
}

function decodeBody(type: number, body: Buffer): string {
  switch (type) {
    case 3:
      return body.toString("latin1");
    case 2:
      return sixBit(body);
    case 1:
      return [...body].map((octet) => `${bcdPlus[octet >> 4]}${bcdPlus[octet & 0x0f]}`).join("");
    default:
      return body.toString("hex");
  }
}

/** Four characters of six bits in three octets, least significant first; 0 is a space. */
function sixBit(body: Buffer): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const octet of body) {
    held |= octet << bits;
    bits += 8;
    for (; bits >= 6; bits -= 6) {
      text += String.fromCharCode(0x20 + (held & 0x3f));
      held >>= 6;
    }
  }
  return text;
}

/** What a BMC says goes to logs and terminals: nothing in it may be more than text. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "").trim();
}
