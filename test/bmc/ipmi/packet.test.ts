import { describe, expect, test } from "vitest";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from "../../../src/bmc/ipmi/message.ts";
import {
  decodeDatagram,
  encodePlain,
  encodeRmcpPlus,
  payloadTypes,
} from "../../../src/bmc/ipmi/packet.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

// Get Channel Authentication Capabilities as ipmitool sends it, and ipmi_sim's answer.
const question = hex("0600ff07 00 00000000 00000000 09 20 18 c8 81 00 38 8e 04 b5");

describe("a datagram outside a session", () => {
  test("reads as what was written", () => {
    const request = { netFn: 6, command: 0x38, data: hex("8e04"), sequence: 0 };
    expect(encodePlain(encodeRequest(request))).toEqual(question);
    const packet = decodeDatagram(question);
    if (!("kind" in packet) || packet.kind !== "plain")
      throw new Error("expected a plain datagram");
    expect(decodeRequest(packet.payload)).toEqual(request);
  });

  test("of an authentication type of IPMI 1.5 is not read", () => {
    const md5 = Buffer.from(question);
    md5[4] = 0x02;
    expect(decodeDatagram(md5)).toEqual({
      malformed: "authentication type 2 is not of IPMI 2.0",
    });
  });
});

describe("an RMCP+ datagram", () => {
  const header = { payloadType: payloadTypes.sol, sessionId: 0x0102_0304, sequence: 0xffff_fffe };
  const bytes = encodeRmcpPlus({ ...header, encrypted: true, authenticated: true }, hex("aabb"));

  test("has its numbers least significant octet first", () => {
    expect(bytes).toEqual(hex("0600ff07 06 c1 04030201 feffffff 0200 aabb"));
  });

  test("reads as what was written", () => {
    expect(decodeDatagram(bytes)).toMatchObject({ ...header, payload: hex("aabb") });
  });

  test.each(Array.from({ length: bytes.length }, (_, length) => length))(
    "cut to %i octets is malformed, and nothing throws",
    (length) => {
      expect(decodeDatagram(bytes.subarray(0, length))).toHaveProperty("malformed");
    },
  );
});

describe("a message", () => {
  const response = { netFn: 0, command: 1, sequence: 63, completion: 0xc1, data: hex("01") };
  const bytes = encodeResponse(response);

  test("reads as what was written", () => {
    expect(decodeResponse(bytes)).toEqual(response);
    expect(decodeRequest(bytes)).toEqual({ malformed: "a response where a request was due" });
  });

  test.each(Array.from({ length: bytes.length }, (_, at) => at))(
    "with octet %i changed is malformed",
    (at) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(decodeResponse(changed)).toHaveProperty("malformed");
    },
  );

  test.each(Array.from({ length: bytes.length }, (_, length) => length))(
    "cut to %i octets is malformed",
    (length) => {
      expect(decodeResponse(bytes.subarray(0, length))).toHaveProperty("malformed");
    },
  );
});
