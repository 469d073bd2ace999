// What the discovery image says of the machine it runs on. Whoever has an address may say it: every text is bounded and
// printable, nothing of it is a permission, an address to connect to, or part of a script.

import { z } from "zod";
import { parseIpv4 } from "../net/ipv4.ts";
import { type Mac, parseMac } from "../net/mac.ts";

/** For one report; the image leaves out names of disks before it says more. */
export const mostReportBytes = 64 * 1024;

const printable = (most: number) =>
  z
    .string()
    .regex(/^[\x20-\x7e]+$/)
    .max(most);
const text = printable(128).optional();
const count = (most: number) => z.int().min(0).max(most);

const macText = z.string().transform((value, ctx): Mac => {
  const mac = parseMac(value);
  if (mac !== undefined) return mac;
  ctx.addIssue({ code: "custom", message: "is no MAC address" });
  return z.NEVER;
});

const disk = z.strictObject({
  name: printable(32),
  /** Names in /dev/disk/by-id. */
  byId: z.array(printable(256)).max(16).default([]),
  serial: text,
  /** As `lsblk -o WWN` shows it. */
  wwn: text,
  sizeBytes: count(Number.MAX_SAFE_INTEGER),
  model: text,
  rotational: z.boolean(),
  removable: z.boolean(),
  /** What the image has seen to before it looked at anything. */
  readOnly: z.boolean(),
  transport: printable(16).optional(),
});

/** Who is at the other end of the cable, by LLDP (IEEE 802.1AB). */
const neighbour = z.strictObject({
  chassis: text,
  system: text,
  port: text,
  portDescription: text,
  vlan: z.int().min(1).max(4094).optional(),
});

const nic = z.strictObject({
  name: printable(15),
  mac: macText,
  /** The address that the card was made with. */
  permanentMac: macText.optional(),
  driver: printable(32).optional(),
  speedMbps: count(10_000_000).optional(),
  link: z.boolean(),
  neighbour: neighbour.optional(),
});

export const machineReport = z.strictObject({
  version: z.literal(1),
  /** Of the card that it booted by. */
  bootMac: macText,
  system: z.strictObject({
    vendor: text,
    product: text,
    serial: text,
    uuid: text,
    biosVersion: text,
  }),
  firmware: z.enum(["bios", "uefi"]),
  /** Absent on BIOS, which knows no Secure Boot. */
  secureBoot: z.boolean().optional(),
  cpu: z.strictObject({
    model: text,
    sockets: count(1024),
    cores: count(65_536),
    threads: count(65_536),
  }),
  memoryBytes: count(Number.MAX_SAFE_INTEGER),
  disks: z.array(disk).max(128),
  nics: z.array(nic).max(64),
  bmc: z
    .strictObject({
      address: z
        .string()
        .refine((value) => parseIpv4(value) !== undefined)
        .optional(),
      mac: macText.optional(),
      firmware: text,
    })
    .optional(),
});

/** What a machine that has reported says while it waits. */
export const machineSignal = z.strictObject({ version: z.literal(1), bootMac: macText });

export type MachineReport = z.output<typeof machineReport>;
export type ReportedDisk = MachineReport["disks"][number];
