// RMCP's own "is anybody there": ASF Presence Ping and Pong (IPMI 2.0 §13.2.3, §13.2.4), which some tools send before they speak IPMI.

//  RMCP, class 06 (ASF) | IANA 4542 | 80 (ping) | tag | 00 | 00
const ping = Buffer.from("060000060000000000", "hex");
const pongOffset = 8;

/** The answer to a Presence Ping; undefined for any other datagram. */
export function presencePong(datagram: Buffer): Buffer | undefined {
  const isPing = datagram.length >= 12 && datagram[3] === 0x06 && datagram[pongOffset] === 0x80;
  if (datagram[0] !== ping[0] || !isPing) return undefined;
  const tag = datagram.readUInt8(9);
  return Buffer.concat([
    Buffer.from([0x06, 0x00, 0xff, 0x06]),
    Buffer.from([0x00, 0x00, 0x11, 0xbe, 0x40, tag, 0x00, 0x10]),
    // IANA number, OEM, "IPMI and ASF 1.0", no interactions, reserved.
    Buffer.from([0x00, 0x00, 0x11, 0xbe, 0, 0, 0, 0, 0x81, 0x00, 0, 0, 0, 0, 0, 0]),
  ]);
}
