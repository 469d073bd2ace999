// Sensor records, event records, inventories and cipher suites: bytes of real boards or of the specification's own tables.

import { describe, expect, test } from "vitest";
import {
  decodeCipherSuiteRecords,
  encodeCipherSuiteRecords,
} from "../../../src/bmc/ipmi/cipher-suites.ts";
import { decodeDeviceId, decodeGuid } from "../../../src/bmc/ipmi/device.ts";
import { decodeFru } from "../../../src/bmc/ipmi/fru.ts";
import { decodeIdString } from "../../../src/bmc/ipmi/id-string.ts";
import { decodeSensorReading, decodeSensorRecord } from "../../../src/bmc/ipmi/sdr.ts";
import { decodeSelEntry } from "../../../src/bmc/ipmi/sel.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

function fullSensor(change: (record: Buffer) => void = () => undefined): Buffer {
  const name = Buffer.from("CPU Temp");
  const record = Buffer.alloc(48 + name.length);
  record.set([0x01, 0x00, 0x51, 0x01, record.length - 5, 0x20, 0x00, 0x31]);
  record.set([0x01, 0x01], 12);
  record.set([0x00, 0x01], 20);
  record[24] = 1;
  record[47] = 0xc0 | name.length;
  name.copy(record, 48);
  change(record);
  return record;
}

describe("a sensor", () => {
  const reading = (record: Buffer, data: string) => {
    const sensor = decodeSensorRecord(record);
    return sensor && decodeSensorReading(sensor, hex(data));
  };

  test.each<[string, (record: Buffer) => void, string, object]>([
    ["degrees as they are", () => undefined, "2ac000", { value: 42, unit: "degrees C" }],
    [
      "a voltage of 60 mV steps",
      (record) => {
        record.set([0x00, 0x04, 0x00, 0x00, 6, 0, 0, 0, 0, 0xe0], 20);
      },
      "c8c000",
      { value: 12, unit: "V" },
    ],
    [
      "a negative temperature in two's complement",
      (record) => {
        record[20] = 0x80;
      },
      "fbc000",
      { value: -5 },
    ],
    [
      "an offset of B and its exponent",
      (record) => {
        record.set([1, 0, 5, 0, 0, 0x01], 24);
      },
      "0ac000",
      { value: 60 },
    ],
    [
      "a fan that counts the time of a turn",
      (record) => {
        record.set([0x00, 18, 0x00, 7], 20);
      },
      "02c000",
      { value: 0.5, unit: "RPM" },
    ],
    ["crossed its warning threshold", () => undefined, "50c008", { health: "warning" }],
    ["crossed its critical threshold", () => undefined, "60c018", { health: "critical" }],
    ["is within its thresholds", () => undefined, "20c000", { health: "ok" }],
  ])("%s", (_what, change, data, expected) => {
    expect(reading(fullSensor(change), data)).toMatchObject({ name: "CPU Temp", ...expected });
  });

  test.each([
    ["is not available", "00e0"],
    ["is not scanned", "0000"],
    ["is cut short", "20"],
    ["was refused", ""],
  ])("whose reading %s has none", (_what, data) => {
    expect(reading(fullSensor(), data)).toEqual({
      ...{ name: "CPU Temp", unit: "degrees C", health: "unknown" },
    });
  });

  test.each([
    ["of another controller", (record: Buffer) => record.fill(0x2c, 5, 6)],
    ["of another LUN", (record: Buffer) => record.fill(0x01, 6, 7)],
    ["that is no sensor", (record: Buffer) => record.fill(0x11, 3, 4)],
  ])("%s is left out", (_what, change) => {
    expect(decodeSensorRecord(fullSensor(change))).toBeUndefined();
  });

  test("cut anywhere is left out or read, and nothing throws", () => {
    const record = fullSensor();
    for (let length = 0; length < record.length; length += 1)
      expect(() => decodeSensorRecord(record.subarray(0, length))).not.toThrow();
  });
});

describe("an event record", () => {
  test.each([
    [
      "a temperature above its critical threshold",
      "ffff 0100 02 00e1f565 2000 04 01 31 01 59 50 5f",
      { severity: "critical", message: "temperature 31h: above the upper critical threshold" },
    ],
    [
      "the same, over",
      "ffff 0100 02 00e1f565 2000 04 01 31 81 59 50 5f",
      { severity: "ok", message: "temperature 31h: no longer above the upper critical threshold" },
    ],
    [
      "no bootable medium",
      "ffff 0200 02 00e1f565 2000 04 1e 05 6f 00 ff ff",
      { severity: "critical", message: "boot error 05h: no bootable medium" },
    ],
    [
      "a severity that a sensor has of its own",
      "ffff 0300 02 00e1f565 2000 04 c0 07 07 02 ff ff",
      { severity: "critical", message: "sensor type c0h 07h: critical" },
    ],
    [
      "an event that has no words here",
      "ffff 0300 02 00e1f565 2000 04 c0 07 6f 03 aa bb",
      { message: "sensor type c0h 07h: event 6fh offset 3 data 03aabb" },
    ],
    [
      "a record of a vendor",
      "ffff 0400 c1 00e1f565 0102030405060708 09",
      { message: "record of type c1h: 00e1f565010203040506070809" },
    ],
  ])("%s", (_what, data, expected) => {
    expect(decodeSelEntry(hex(data))?.entry).toMatchObject({
      time: "2024-03-16T18:12:16.000Z",
      ...expected,
    });
  });

  test("from before the BMC knew the time has none", () => {
    const entry = decodeSelEntry(hex("0000 0100 02 10000000 2000 04 01 31 01 59 50 5f"))?.entry;
    expect(entry?.time).toBeUndefined();
  });

  test("that is cut short is not readable", () => {
    expect(decodeSelEntry(hex("ffff 0100 02"))).toBeUndefined();
  });
});

describe("an inventory", () => {
  // Board area of 40 octets at 8, product area of 40 octets at 48.
  const field = (text: string) => Buffer.from([0xc0 | text.length, ...Buffer.from(text)]);
  const area = (head: readonly number[], ...texts: string[]) => {
    const bytes = Buffer.alloc(40);
    Buffer.concat([Buffer.from(head), ...texts.map(field), Buffer.of(0xc1)]).copy(bytes);
    bytes[1] = 5;
    return bytes;
  };
  const board = area([1, 0, 0, 0, 0, 0], "Dell", "0H28RR", "B123");
  const product = area([1, 0, 0], "DELL", "R640", "", "", "SVC1");

  test("names the product", () => {
    expect(decodeFru(Buffer.concat([hex("0100000106000000"), board, product]))).toEqual({
      ...{ manufacturer: "DELL", model: "R640", serial: "SVC1" },
    });
  });

  test("without a product names the board", () => {
    expect(decodeFru(Buffer.concat([hex("0100000100000000"), board]))).toEqual({
      ...{ manufacturer: "Dell", model: "0H28RR", serial: "B123" },
    });
  });

  test("that is empty, damaged or cut says nothing, and nothing throws", () => {
    const whole = Buffer.concat([hex("0100000106000000"), board, product]);
    expect(decodeFru(Buffer.alloc(0))).toEqual({});
    expect(decodeFru(hex("ffffffffffffffff"))).toEqual({});
    for (let length = 0; length < whole.length; length += 1)
      expect(() => decodeFru(whole.subarray(0, length))).not.toThrow();
  });
});

describe("a name", () => {
  test.each([
    ["in Latin-1", "c4 54656d70", "Temp"],
    ["in six-bit ASCII: the example of the specification", "83 29dca6", "IPMI"],
    ["in BCD plus", "42 12ab", "12 -"],
    ["with an escape sequence in it", "c5 1b5b336d41", "[3mA"],
    ["cut short", "c8 4142", "AB"],
    ["empty", "c0", ""],
    ["missing", "", ""],
  ])("%s", (_what, bytes, expected) => {
    expect(decodeIdString(hex(bytes))).toBe(expected);
  });
});

describe("cipher suites", () => {
  const suites = [
    { id: 3, authentication: 1, integrity: 1, confidentiality: 1 },
    { id: 17, authentication: 3, integrity: 4, confidentiality: 1 },
  ];

  test("read as what was written", () => {
    expect(decodeCipherSuiteRecords(encodeCipherSuiteRecords(suites))).toEqual(suites);
  });

  test.each([
    [
      "one without algorithms is none of each",
      "c000",
      [{ id: 0, authentication: 0, integrity: 0, confidentiality: 0 }],
    ],
    [
      "one of a vendor",
      "c180 f20200 01 41 81",
      [{ id: 128, enterprise: 754, authentication: 1, integrity: 1, confidentiality: 1 }],
    ],
    ["nothing", "", []],
  ])("%s", (_what, bytes, expected) => {
    expect(decodeCipherSuiteRecords(hex(bytes))).toEqual(expected);
  });

  test.each(["03", "c0", "c180f2", "c0034102ff"])("%s is malformed", (bytes) => {
    expect(decodeCipherSuiteRecords(hex(bytes))).toHaveProperty("malformed");
  });
});

test("who a BMC is: Dell's of an R640", () => {
  expect(decodeDeviceId(hex("20 01 04 40 02 df a20200 0001 00000000"))).toEqual({
    ...{ manufacturer: "Dell", productId: 256, firmware: "4.40", ipmiVersion: "2.0" },
  });
  expect(decodeDeviceId(hex("2001"))).toBeUndefined();
});

test("a machine's UUID is written as SMBIOS writes it", () => {
  expect(decodeGuid(hex("33221100 5544 7766 8899 aabbccddeeff"))).toBe(
    "00112233-4455-6677-8899-aabbccddeeff",
  );
  expect(decodeGuid(Buffer.alloc(16))).toBeUndefined();
  expect(decodeGuid(Buffer.alloc(3))).toBeUndefined();
});
