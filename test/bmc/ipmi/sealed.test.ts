import { describe, expect, test } from "vitest";
import { cipherSuite } from "../../../src/bmc/ipmi/cipher-suites.ts";
import { decodeDatagram, type RmcpPlusDatagram } from "../../../src/bmc/ipmi/packet.ts";
import { seal, unseal } from "../../../src/bmc/ipmi/sealed.ts";
import { deriveKeys } from "../../../src/bmc/ipmi/session-keys.ts";

function datagram(bytes: Buffer): RmcpPlusDatagram {
  const packet = decodeDatagram(bytes);
  if (!("payloadType" in packet)) throw new Error("expected an RMCP+ datagram");
  return packet;
}

describe.each([3, 17] as const)("with cipher suite %i", (id) => {
  const keys = deriveKeys(cipherSuite(id), Buffer.alloc(32, 7));
  const sealed = (length: number) =>
    seal(keys, { payloadType: 0, sessionId: 1, sequence: 1, payload: Buffer.alloc(length, 0x5a) });

  test.each(Array.from({ length: 40 }, (_, length) => length))(
    "%i octets come out as they went in, in a multiple of four",
    (length) => {
      const bytes = sealed(length);
      expect((bytes.length - 4 - cipherSuite(id).codeLength) % 4).toBe(0);
      expect(unseal(keys, datagram(bytes))).toEqual(Buffer.alloc(length, 0x5a));
    },
  );

  test("a change of any octet behind the RMCP header is noticed", () => {
    const bytes = sealed(9);
    for (let at = 5; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      const packet = decodeDatagram(changed);
      const payload = "payloadType" in packet ? unseal(keys, packet) : packet;
      expect(payload, `octet ${at}`).toHaveProperty("malformed");
    }
  });

  test("another key is noticed", () => {
    const other = deriveKeys(cipherSuite(id), Buffer.alloc(32, 8));
    expect(unseal(other, datagram(sealed(9)))).toEqual({ malformed: "wrong authentication code" });
  });

  test("what is sent in the clear inside a session is not believed", () => {
    const bytes = Buffer.from(sealed(9));
    bytes[5] = 0x00;
    expect(unseal(keys, datagram(bytes))).toHaveProperty("malformed");
  });
});
