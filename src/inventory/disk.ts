// Which disk of a machine is installed on: by path, or by what the disk says of itself. Does not look at disks.

import { z } from "zod";
import { mismatch } from "./messages.ts";
import { either, matching } from "./values.ts";

const diskPath = matching(
  /^\/[A-Za-z0-9_.,:/@=+-]*$/,
  "the absolute path of a disk such as /dev/sda",
);
const diskWord = matching(
  /^[A-Za-z0-9][A-Za-z0-9_.,:@=+-]{0,127}$/,
  "what a disk says of itself, such as ata-Samsung_SSD_870_S6PTNZ0R (see ls /dev/disk/by-id)",
);
const text = matching(
  /^[A-Za-z0-9 _.,:/@=+()#-]{1,128}$/,
  "what a disk says of itself: at most 128 letters, digits, blanks and _ . , : / @ = + ( ) # -",
);

const units: Readonly<Record<string, number>> = {
  ...{ MB: 1e6, GB: 1e9, TB: 1e12 },
  ...{ MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
};

function parseBytes(size: string): number | undefined {
  const [, number = "", unit = ""] = /^(\d{1,6}(?:\.\d{1,3})?) ?([MGT]i?B)$/.exec(size) ?? [];
  const factor = units[unit];
  return factor === undefined ? undefined : Math.round(Number(number) * factor);
}

const bytes = z.string().transform((size, ctx): number => {
  const value = parseBytes(size);
  if (value !== undefined) return value;
  ctx.addIssue({ code: "custom", message: mismatch(size, "a size such as 480GB or 1.92TB") });
  return z.NEVER;
});

/** Octets, both included. */
export interface SizeRange {
  readonly minBytes: number;
  readonly maxBytes: number;
}

// What is sold as 480 GB has 480.1 or 477 of them.
const tolerance = 0.05;

const diskSize = z.union(
  [
    z.enum(["smallest", "largest"]),
    bytes.transform(
      (size): SizeRange => ({
        minBytes: Math.floor(size * (1 - tolerance)),
        maxBytes: Math.ceil(size * (1 + tolerance)),
      }),
    ),
    z.strictObject({ min: bytes.optional(), max: bytes.optional() }).transform(
      ({ min, max }): SizeRange => ({
        minBytes: min ?? 0,
        maxBytes: max ?? Number.MAX_SAFE_INTEGER,
      }),
    ),
  ],
  {
    error: ({ input }) =>
      mismatch(input, "a size such as 480GB, { min: 400GB, max: 2TB }, smallest or largest"),
  },
);

/** All that is given must hold, and one disk alone may fit. */
export interface DiskSelector {
  readonly path?: string | undefined;
  /** Name in /dev/disk/by-id. */
  readonly id?: string | undefined;
  readonly serial?: string | undefined;
  /** World Wide Name as `lsblk -o WWN` shows it, such as 0x5000c500a1b2c3d4 or eui.… */
  readonly wwn?: string | undefined;
  readonly model?: string | undefined;
  readonly size?: "smallest" | "largest" | SizeRange | undefined;
}

const described = z
  .strictObject({
    path: diskPath.optional(),
    id: diskWord.optional(),
    serial: text.optional(),
    wwn: diskWord.optional(),
    model: text.optional(),
    size: diskSize.optional(),
  })
  .refine((map) => Object.keys(map).length > 0, "is empty: name path, id, serial, wwn or size")
  .transform((map): DiskSelector => map);

/** `/dev/sda`, or a map of what must hold. */
export const disk = either(
  diskPath.transform((path): DiskSelector => ({ path })),
  described,
  (input) => typeof input === "object",
);

/** One line that names the disk to people, and that an install is armed for. A plain path stands for itself. */
export function formatDisk(selector: DiskSelector): string {
  const { path, id, serial, wwn, model, size } = selector;
  const words = [
    ...(path === undefined ? [] : [path]),
    ...(id === undefined ? [] : [`id ${id}`]),
    ...(serial === undefined ? [] : [`serial ${serial}`]),
    ...(wwn === undefined ? [] : [`wwn ${wwn}`]),
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(size === undefined ? [] : [`size ${formatSize(size)}`]),
  ];
  return words.join(", ");
}

/** What an install of a node is armed for: its disk, and of a mirror both. */
export function formatDisks(node: {
  readonly disk: DiskSelector;
  readonly layout: { readonly kind: string; readonly second?: DiskSelector };
}): string {
  const { second } = node.layout;
  const first = formatDisk(node.disk);
  return second === undefined ? first : `${first} and ${formatDisk(second)}`;
}

function formatSize(size: NonNullable<DiskSelector["size"]>): string {
  if (typeof size === "string") return size;
  const gigabytes = (octets: number) => `${Number((octets / 1e9).toFixed(3))} GB`;
  const { minBytes, maxBytes } = size;
  if (maxBytes === Number.MAX_SAFE_INTEGER) return `from ${gigabytes(minBytes)}`;
  return `${gigabytes(minBytes)} to ${gigabytes(maxBytes)}`;
}

/**
 * The device that the node's disk layout names. A disk known by its serial number or its size has no name of its own
 * there: the link is made on the installer once the disk was found and checked, so without rackstrap nothing can be written.
 * The second disk of a mirror has a link of its own.
 */
export function installDevice(
  { path, id, wwn }: DiskSelector,
  link: typeof installLink | typeof secondLink = installLink,
): string {
  if (path !== undefined) return path;
  if (id !== undefined) return `/dev/disk/by-id/${id}`;
  if (wwn !== undefined)
    return `/dev/disk/by-id/${wwn.startsWith("eui.") ? "nvme-" : "wwn-"}${wwn}`;
  return link;
}

export const installLink = "/dev/disk/by-rackstrap/install";
export const secondLink = "/dev/disk/by-rackstrap/second";
