// Who the BMC is, what it offers before a session, and the session commands (IPMI 2.0 §20, §22).

import {
  type CipherSuiteRecord,
  cipherSuite,
  encodeCipherSuiteRecords,
} from "../../../src/bmc/ipmi/cipher-suites.ts";
import { completionCodes as code, netFns } from "../../../src/bmc/ipmi/message.ts";
import type { Faults } from "../faults.ts";
import type { SimulatedMachine } from "../machine.ts";
import { type Call, type Command, commandsOf, levels, nothing } from "./command.ts";
import type { HandshakeSettings } from "./handshake.ts";

const app = commandsOf(netFns.app);
const lanChannel = 1;
const thisChannel = 0x0e;

export interface AppHooks {
  readonly machine: SimulatedMachine;
  readonly settings: HandshakeSettings;
  readonly faults: Faults;
  endSession(id: number): boolean;
  coldReset(now: number): void;
}

export function appCommands(hooks: AppHooks): readonly Command[] {
  const { machine, settings, faults } = hooks;
  const deviceId = encodeDeviceId(machine.description.bmcFirmware);
  return [
    app(0x01, "user", 0, () => deviceId),
    app(0x02, "administrator", 0, ({ now }) => {
      hooks.coldReset(now);
      return nothing;
    }),
    // Get Self Test Results: no error.
    app(0x04, "user", 0, () => Buffer.of(0x55, 0x00)),
    // Get BMC Global Enables: the event log is on.
    app(0x2f, "user", 0, () => Buffer.of(0x08)),
    app(0x37, "none", 0, () => settings.guid),
    app(0x38, "none", 2, ({ data }) => authenticationCapabilities(settings, data)),
    app(0x3b, "user", 1, setPrivilege),
    app(0x3c, "user", 4, ({ data }) =>
      hooks.endSession(data.readUInt32LE(0)) ? nothing : invalidSessionId,
    ),
    app(0x41, "user", 2, ({ data }) => channelAccess(data)),
    app(0x42, "user", 1, ({ data }) => channelInfo(data)),
    app(0x54, "none", 3, ({ data }) => channelCipherSuites(settings, faults, data)),
  ];
}

// Completion codes of Set Session Privilege Level (§22.18) and Close Session (§22.19).
const levelExceeded = 0x81;
const invalidSessionId = 0x87;

/** Table 20-2. IPMI forum's number: no tool knows peculiarities of it. */
function encodeDeviceId(firmware: string): Buffer {
  const [major = "0", minor = "0"] = firmware.split(".");
  const manufacturer = 7154;
  return Buffer.from([
    ...[0x20, 0x01, Number(major) & 0x7f, Number.parseInt(minor, 16) & 0xff, 0x02],
    // Chassis, FRU inventory, SEL, SDR repository, sensors.
    ...[0x8f, manufacturer & 0xff, manufacturer >> 8, 0x00],
    ...[0x01, 0x00, 0x00, 0x00, 0x00, 0x00],
  ]);
}

function isLanChannel(channel: number): boolean {
  return [lanChannel, thisChannel].includes(channel & 0x0f);
}

/** Table 22-15. Sessions of IPMI 1.5 are not offered. */
function authenticationCapabilities({ bmcKey, users }: HandshakeSettings, data: Buffer) {
  const channel = data.readUInt8(0);
  if (!isLanChannel(channel)) return code.invalidDataField;
  const extended = (channel & 0x80) !== 0;
  const names = users.filter((user) => user.enabled).map(({ name }) => name);
  const status =
    (bmcKey === undefined ? 0 : 0x20) |
    (names.some((name) => name !== "") ? 0x04 : 0) |
    (names.includes("") ? 0x02 : 0);
  return Buffer.of(lanChannel, extended ? 0x80 : 0, status, extended ? 0x02 : 0, 0, 0, 0, 0);
}

function setPrivilege({ data, caller }: Call) {
  if (caller === undefined) return code.insufficientPrivilege;
  const wanted = data.readUInt8(0) & 0x0f;
  // 0: tell the present level.
  if (wanted === 1 || wanted > 5) return code.invalidDataField;
  if (wanted > caller.highestLevel) return levelExceeded;
  if (wanted >= levels.user) caller.level = wanted;
  return Buffer.of(caller.level);
}

/** Table 22-27: always available, administrators welcome. */
function channelAccess(data: Buffer) {
  return isLanChannel(data.readUInt8(0)) ? Buffer.of(0x02, 0x04) : code.invalidDataField;
}

/** Table 22-28: an 802.3 LAN channel with sessions. */
function channelInfo(data: Buffer) {
  if (!isLanChannel(data.readUInt8(0))) return code.invalidDataField;
  return Buffer.from([lanChannel, 0x04, 0x01, 0x80, 0xf2, 0x1b, 0x00, 0x00, 0x00]);
}

/** §22.15: 16 octets of the list at a time. */
function channelCipherSuites(
  { suites }: HandshakeSettings,
  { offersSuite0 }: Faults,
  data: Buffer,
) {
  if (!isLanChannel(data.readUInt8(0))) return code.invalidDataField;
  const none: CipherSuiteRecord = { id: 0, authentication: 0, integrity: 0, confidentiality: 0 };
  const records = [...(offersSuite0 ? [none] : []), ...suites.map((id) => cipherSuite(id))];
  const start = (data.readUInt8(2) & 0x3f) * 16;
  const part = encodeCipherSuiteRecords(records).subarray(start, start + 16);
  return Buffer.concat([Buffer.of(lanChannel), part]);
}
