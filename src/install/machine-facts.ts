// What a machine says of itself through the shell of its installer: the question, and the reading of the answer. Asks
// nobody and judges nothing. The answer comes from a machine that anybody may have put there: every text is bounded.

import { z } from "zod";
import { type Mac, parseMac } from "../net/mac.ts";
import { isPlaceholder } from "../net/placeholder.ts";

export interface Disk {
  /** `/dev/sda`. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly serial: string | undefined;
  /** As `lsblk -o WWN` shows it: `0x5000c500a1b2c3d4`, or `eui.…` on NVMe. */
  readonly wwn: string | undefined;
  readonly model: string | undefined;
  /** `sata`, `nvme`, `usb`, `virtio` … */
  readonly transport: string | undefined;
  readonly rotational: boolean | undefined;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Other paths of the whole disk, such as /dev/disk/by-id/…. */
  readonly links: readonly string[];
  /** Where it or a part of it is mounted, swap included. */
  readonly usedBy: readonly string[];
  /** What is on it: partition tables, file systems, or octets that are not zero. Empty for a blank disk. */
  readonly contents: readonly string[];
}

export interface MachineFacts {
  /** PRETTY_NAME of os-release. */
  readonly system: string;
  readonly macs: readonly Mac[];
  /** How it was booted; the installed system has to be booted the same way. */
  readonly firmware: "bios" | "uefi";
  /** Undefined where the firmware does not say. */
  readonly secureBoot: boolean | undefined;
  /** SMBIOS type 1. */
  readonly serial: string | undefined;
  readonly uuid: string | undefined;
  readonly threads: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly disks: readonly Disk[];
}

export type Report =
  | { readonly facts: MachineFacts; readonly isInstaller: boolean }
  | { readonly malformed: string };

const marker = "=== rackstrap";
// What the kernel makes of memory or of another machine's disk, and calls a disk.
const notOfMetal = /^(?:loop|z?ram|nbd|md|fd|sr)\d/;
const mostDisks = 256;
const mostTexts = 64;
const mostCharacters = 256;

/**
 * The question, for the shell of any installer, busybox included. Ends with 0 unless a basic tool is missing. Reads only.
 * Columns are those of util-linux 2.27 (2015). A disk without a signature is blank only if its first MiB is zero: not
 * everything that is worth keeping has a signature. A disk that hangs is given up, so that it keeps no other from being seen.
 */
export const probe = String.raw`
limit=; if command -v timeout > /dev/null 2>&1; then limit="timeout 5"; fi
cat /etc/os-release
echo '${marker}'
cat /sys/class/net/*/address
echo '${marker}'
if [ -d /sys/firmware/efi ]; then echo uefi; else echo bios; fi
echo '${marker}'
lsblk --json --bytes --output NAME,SIZE,TYPE,SERIAL,WWN,MODEL,TRAN,ROTA,RM,RO,FSTYPE,MOUNTPOINT || exit
echo '${marker}'
say() { if [ -r "$2" ]; then echo "$1 $(head -c 256 "$2" | tr -d '\000' | head -n 1)"; fi; }
say serial /sys/class/dmi/id/product_serial
say uuid /sys/class/dmi/id/product_uuid
echo "threads $(grep -c '^processor' /proc/cpuinfo)"
echo "memory $(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
for file in /sys/firmware/efi/efivars/SecureBoot-*; do
  if [ -r "$file" ]; then echo "secureboot $(od -An -tu1 -j4 -N1 "$file")"; fi
done
echo '${marker}'
for path in /sys/block/*; do
  name=$(basename "$path")
  case $name in loop* | ram* | zram* | dm-* | md* | sr* | fd* | nbd*) continue ;; esac
  echo "disk $name"
  say serial "$path/serial"
  say serial "$path/device/serial"
  say wwid "$path/wwid"
  say wwid "$path/device/wwid"
  say model "$path/device/model"
  if [ "$(cat "$path/size")" = 0 ]; then continue; fi
  if command -v blkid > /dev/null 2>&1; then
    $limit blkid -p "/dev/$name" 2> /dev/null | head -c 1024 | sed 's/^/found /'
  fi
  octets=$($limit dd if="/dev/$name" bs=65536 count=16 2> /dev/null | wc -c)
  other=0
  if [ "$octets" -gt 0 ]; then
    other=$($limit dd if="/dev/$name" bs=65536 count=16 2> /dev/null | tr -d '\000' | head -c 1 | wc -c)
  fi
  echo "read $octets $other"
done
echo '${marker}'
find /dev/disk -type l 2> /dev/null | head -n 2000 | while read -r link; do
  echo "$link $(readlink -f "$link")"
done
exit 0
`;

/** Reads the answer to the probe. Total: never throws, whatever is in it. */
export function readReport(report: string): Report {
  const [
    osRelease = "",
    macs = "",
    firmware = "",
    tree = "",
    machine = "",
    disks = "",
    links = "",
  ] = report.split(`${marker}\n`);
  const devices = readTree(tree);
  if (devices === undefined) return { malformed: bounded(tree) ?? "" };
  const said = readLines(machine);
  const details = readDetails(disks);
  const linksOf = readLinks(links);
  return {
    // The expressions by which nixos-anywhere itself decides; where it sees no installer, it takes the kernel over.
    isInstaller:
      /ID(_LIKE)?="?nixos"?/.test(osRelease) && /VARIANT_ID="?installer"?/.test(osRelease),
    facts: {
      system: bounded(/^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1]) ?? "an unnamed system",
      macs: readMacs(macs),
      firmware: firmware.trim() === "uefi" ? "uefi" : "bios",
      secureBoot: readSecureBoot(said.get("secureboot")),
      serial: identity(said.get("serial")),
      uuid: identity(said.get("uuid"))?.toLowerCase(),
      threads: positive(said.get("threads")),
      memoryBytes: scaled(positive(said.get("memory")), 1024),
      disks: devices
        .filter(({ name, type }) => type === "disk" && !notOfMetal.test(name))
        .slice(0, mostDisks)
        .map((device) => readDisk(device, details.get(device.name) ?? noDetail, linksOf)),
    },
  };
}

const text = z.string().nullish();
// 0 and 1, in quotation marks in util-linux before 2.33.
const flag = z
  .union([z.boolean(), z.enum(["0", "1"]).transform((value) => value === "1")])
  .nullish();

interface Device {
  readonly name: string;
  readonly size: number;
  readonly type: string;
  readonly serial?: string | null | undefined;
  readonly wwn?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly tran?: string | null | undefined;
  readonly rota?: boolean | null | undefined;
  readonly rm?: boolean | null | undefined;
  readonly ro?: boolean | null | undefined;
  readonly fstype?: string | null | undefined;
  readonly mountpoint?: string | null | undefined;
  readonly children?: readonly Device[] | undefined;
}

const device: z.ZodType<Device> = z.lazy(() =>
  z.object({
    name: z.string().max(mostCharacters),
    // Text in util-linux before 2.33.
    size: z.coerce.number().min(0).max(Number.MAX_SAFE_INTEGER).catch(0),
    type: z.string(),
    ...{ serial: text, wwn: text, model: text, tran: text },
    ...{ rota: flag, rm: flag, ro: flag, fstype: text, mountpoint: text },
    children: z.array(device).max(mostTexts).optional(),
  }),
);

const blockDevices = z.object({ blockdevices: z.array(device).max(4096) });

/** What the kernel says of a disk, beside lsblk: without udev that knows little. */
interface Detail {
  readonly said: ReadonlyMap<string, string>;
  readonly found: readonly string[];
}

const noDetail: Detail = { said: new Map(), found: [] };

function readDisk(device: Device, detail: Detail, links: ReadonlyMap<string, string[]>): Disk {
  const { said } = detail;
  const name = `/dev/${device.name}`;
  const parts = descendants(device);
  const mounts = [device, ...parts].flatMap(({ mountpoint }) => bounded(mountpoint) ?? []);
  return {
    name,
    sizeBytes: device.size,
    serial: bounded(device.serial) ?? bounded(said.get("serial")),
    wwn: bounded(device.wwn) ?? wwnOf(said.get("wwid")),
    model: bounded(device.model) ?? bounded(said.get("model")),
    transport: bounded(device.tran),
    rotational: device.rota ?? undefined,
    removable: device.rm === true,
    readOnly: device.ro === true,
    links: (links.get(name) ?? []).slice(0, mostTexts),
    usedBy: mounts.slice(0, mostTexts),
    contents: contentsOf(device, parts, detail).slice(0, mostTexts),
  };
}

function contentsOf(device: Device, parts: readonly Device[], { said, found }: Detail): string[] {
  const tables = found.flatMap((line) => /\bPTTYPE="([^"]*)"/.exec(line)?.[1] ?? []);
  const systems = found.flatMap((line) => /\bTYPE="([^"]*)"/.exec(line)?.[1] ?? []);
  const whole = bounded(device.fstype) ?? bounded(systems[0]);
  const listed = [
    ...tables.map((table) => `${bounded(table) ?? "a"} partition table`),
    ...(whole === undefined ? [] : [whole]),
    ...parts.map((part) => `${bounded(part.fstype) ?? part.type} on ${bounded(part.name)}`),
  ];
  if (listed.length > 0 || device.size === 0) return listed;
  const [octets, other] = (said.get("read") ?? "").split(" ");
  if (other === "1") return ["data without a known signature"];
  return Number(octets) > 0 ? [] : ["what could not be read"];
}

function descendants({ children = [] }: Device, depth = 0): Device[] {
  if (depth > 8) return [];
  return children.flatMap((child) => [child, ...descendants(child, depth + 1)]).slice(0, mostTexts);
}

function readDetails(text: string): Map<string, Detail> {
  const [, ...blocks] = `\n${text}`.split("\ndisk ");
  return new Map(
    blocks.slice(0, mostDisks).map((block) => {
      const [name = "", ...lines] = block.split("\n").slice(0, 512);
      const found = lines.filter((line) => line.startsWith("found "));
      return [name, { said: readLines(lines.join("\n")), found }];
    }),
  );
}

/** `key value` on each line; the first one that says anything counts. */
function readLines(text: string): Map<string, string> {
  const said = new Map<string, string>();
  for (const line of text.split("\n").slice(0, 512)) {
    const [, key, value] = /^([a-z]+) (.*)$/.exec(line) ?? [];
    if (key !== undefined && value?.trim() && !said.has(key)) said.set(key, value.trim());
  }
  return said;
}

function readLinks(text: string): Map<string, string[]> {
  const links = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [link, target] = line.split(" ");
    if (link === undefined || target === undefined || link.length > mostCharacters) continue;
    links.set(target, [...(links.get(target) ?? []), link]);
  }
  return links;
}

function readMacs(text: string): Mac[] {
  return text
    .split("\n")
    .slice(0, 256)
    .map(parseMac)
    .filter((mac) => mac !== undefined)
    .filter((mac) => mac !== "00:00:00:00:00:00"); // the loopback interface
}

function identity(value: string | undefined): string | undefined {
  const told = bounded(value);
  return told === undefined || isPlaceholder(told) ? undefined : told;
}

function readSecureBoot(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  return value === "1" ? true : value === "0" ? false : undefined;
}

function wwnOf(wwid: string | undefined): string | undefined {
  const value = bounded(wwid);
  if (value === undefined) return undefined;
  if (value.startsWith("naa.")) return `0x${value.slice(4)}`;
  return value.startsWith("eui.") ? value : undefined;
}

function positive(value: string | undefined): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}

/** Without control characters, and short; undefined when nothing is left. */
function bounded(value: string | null | undefined): string | undefined {
  const clean = value?.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "").trim();
  return clean === undefined || clean === "" ? undefined : clean.slice(0, mostCharacters);
}

/** Undefined for anything that is no list of devices, one that is nested beyond the stack included. */
function readTree(json: string): readonly Device[] | undefined {
  try {
    return blockDevices.parse(JSON.parse(json)).blockdevices;
  } catch {
    return undefined;
  }
}
