// System boot options 0 to 7 as a BMC keeps them (IPMI 2.0 §28.12, table 28-14). The boot flags are the machine's own override in
// IPMI's words; the machine uses them up when it starts.

import { decodeBootFlags, setBootFlags } from "../../../src/bmc/ipmi/chassis.ts";
import { completionCodes as code } from "../../../src/bmc/ipmi/message.ts";
import type { KeptBoot, SimulatedMachine } from "../machine.ts";
import { nothing, type Reply } from "./command.ts";

const setInProgress = 0;
const flagsValidity = 3;
const acknowledge = 4;
const bootFlags = 5;

// Completion codes of §28.12.
const parameterNotSupported = 0x80;
const alreadyInProgress = 0x81;

const dontClearAfterTimeout = 0x08;
const forgottenAfterMs = 60_000;

/** Octets of each parameter, and what they are after power-up. 6 is for an initiator; 7 for its mailbox, of which there is block 0. */
const defaults: ReadonlyMap<number, Buffer> = new Map([
  [setInProgress, Buffer.of(0)],
  [1, Buffer.of(0)],
  [2, Buffer.of(0)],
  [flagsValidity, Buffer.of(0)],
  [acknowledge, Buffer.of(0, 0)],
  [bootFlags, Buffer.alloc(5)],
  [6, Buffer.alloc(9)],
  [7, Buffer.alloc(17)],
]);

export interface BootOptions {
  /** Set System Boot Options: parameter and its octets. */
  write(data: Buffer, now: number): Reply;
  /** Get System Boot Options: parameter, set, block. */
  read(data: Buffer, now: number): Reply;
  /** A Chassis Control command comes: flags that wait for it too long are gone, others wait anew. */
  powerCommand(now: number): void;
}

export function createBootOptions(machine: SimulatedMachine): BootOptions {
  const values = new Map(defaults);
  const invalid = new Set<number>();
  let setMs = Number.NEGATIVE_INFINITY;
  const value = (parameter: number) => values.get(parameter) ?? noOctets;

  const expire = (now: number) => {
    const keeps = ((value(flagsValidity)[0] ?? 0) & dontClearAfterTimeout) !== 0;
    if (keeps || now - setMs <= forgottenAfterMs) return;
    const written = value(bootFlags);
    if (written.every((octet) => octet === 0) || !isOf(machine.boot, written)) return;
    values.set(bootFlags, Buffer.alloc(5));
    Object.assign(machine.boot, noBoot);
  };
  return {
    write: (data, now) => {
      const parameter = data.readUInt8(0) & 0x7f;
      const octets = Buffer.from(data.subarray(1));
      const least = defaults.get(parameter);
      if (least === undefined) return parameterNotSupported;
      if (parameter === setInProgress && octets[0] === 1 && value(setInProgress)[0] === 1)
        return alreadyInProgress;
      // Tools send less of the initiator's parameters than there is.
      if (octets.length > 0 && parameter <= bootFlags && octets.length < least.length)
        return code.invalidDataField;
      if ((data.readUInt8(0) & 0x80) === 0) invalid.delete(parameter);
      else invalid.add(parameter);
      // Without octets only the validity is meant.
      if (octets.length === 0) return nothing;
      values.set(parameter, octets);
      if (parameter !== bootFlags) return nothing;
      setMs = now;
      Object.assign(machine.boot, keptOf(octets));
      return nothing;
    },
    read: (data, now) => {
      const parameter = data.readUInt8(0) & 0x7f;
      if (!values.has(parameter)) return parameterNotSupported;
      expire(now);
      const written = value(parameter);
      const octets = parameter === bootFlags ? flagsOf(written, machine.boot) : written;
      const head = Buffer.of(0x01, parameter | (invalid.has(parameter) ? 0x80 : 0));
      return Buffer.concat([head, octets]);
    },
    powerCommand: (now) => {
      expire(now);
      setMs = now;
    },
  };
}

const noOctets = Buffer.alloc(0);
const noBoot: KeptBoot = { device: "none", persistent: false, uefi: false };

/** What the machine does with these flags. It knows nothing of floppies and the like, and boots as it is used to. */
function keptOf(flags: Buffer): KeptBoot {
  const read = decodeBootFlags(Buffer.concat([Buffer.of(0x01, bootFlags), flags]));
  if (read === undefined || !read.valid || read.device === "other") return noBoot;
  const { device, persistent, uefi } = read;
  return device === "none" ? noBoot : { device, persistent, uefi };
}

/** Whether the machine's override is still the one that was written: it may have used it up, or Redfish set another. */
function isOf(boot: KeptBoot, written: Buffer): boolean {
  const { device, persistent, uefi } = keptOf(written);
  return device === boot.device && persistent === boot.persistent && uefi === boot.uefi;
}

function flagsOf(written: Buffer, boot: KeptBoot): Buffer {
  return isOf(boot, written) ? written : (setBootFlags(boot).data ?? noOctets).subarray(1);
}
