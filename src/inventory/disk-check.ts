// What must hold between a node's disk and how it is divided.

import { isDeepStrictEqual } from "node:util";
import type { Finding } from "./check.ts";
import { type DiskSelector, formatDisk } from "./disk.ts";
import type { ParsedInventory } from "./schema.ts";

type NodeEntry = ParsedInventory["nodes"][string];

export function diskFindings({ nodes }: ParsedInventory): Finding[] {
  return Object.entries(nodes).flatMap(([name, node]) => {
    const path = ["nodes", name];
    return [
      ...selectorFindings(node.disk, [...path, "disk"]),
      ...layoutFindings(node, [...path, "layout"]),
    ];
  });
}

function selectorFindings(disk: DiskSelector, path: Finding["path"]): Finding[] {
  const { path: device, size } = disk;
  if (device !== undefined && typeof size === "string")
    return [
      {
        path: [...path, "size"],
        message: `${device} is one disk, and ${size} chooses among several: write its size such as 480GB, or leave the path out`,
      },
    ];
  if (typeof size === "object" && size.minBytes > size.maxBytes)
    return [{ path: [...path, "size"], message: "min is more than max: exchange the two" }];
  return [];
}

function layoutFindings({ disk, layout }: NodeEntry, path: Finding["path"]): Finding[] {
  switch (layout.kind) {
    case "single":
      return [];
    case "mirror":
      return isSame(disk, layout.second)
        ? [
            {
              path: [...path, "second"],
              message: `${formatDisk(layout.second)} is the first disk of the mirror, too: name another`,
            },
          ]
        : selectorFindings(layout.second, [...path, "second"]);
    case "lvm":
      return volumeFindings(layout.volumes, [...path, "volumes"]);
    case "luks":
      return tangFindings(layout, path);
  }
}

function isSame(first: DiskSelector, second: DiskSelector): boolean {
  const names = ["path", "id", "serial", "wwn"] as const;
  return (
    isDeepStrictEqual(first, second) ||
    names.some((name) => first[name] !== undefined && first[name] === second[name])
  );
}

type Layout<K> = Extract<NodeEntry["layout"], { readonly kind: K }>;

function volumeFindings(volumes: Layout<"lvm">["volumes"], path: Finding["path"]): Finding[] {
  const all = Object.entries(volumes);
  const first = new Map<string, string>();
  const rest = all.filter(([, { size }]) => size === "100%").map(([name]) => name);
  return [
    ...(all.some(([, { mountpoint }]) => mountpoint === "/")
      ? []
      : [{ path, message: "no volume has mountpoint: /, and the system needs one: add it" }]),
    ...all.flatMap(([name, { mountpoint }]) => {
      const owner = first.get(mountpoint);
      first.set(mountpoint, owner ?? name);
      return owner === undefined
        ? []
        : [
            {
              path: [...path, name, "mountpoint"],
              message: `${mountpoint} is where ${owner} is mounted already: choose another`,
            },
          ];
    }),
    ...rest.slice(1).map((name) => ({
      path: [...path, name, "size"],
      message: `${rest[0]} takes what is left already: give ${name} a size such as 50G`,
    })),
  ];
}

function tangFindings({ tang, threshold }: Layout<"luks">, path: Finding["path"]): Finding[] {
  const servers = new Set(tang.map(({ url }) => url));
  if (servers.size < tang.length)
    return [{ path: [...path, "tang"], message: "one Tang server is named twice: name each once" }];
  if (threshold > tang.length)
    return [
      {
        path: [...path, "threshold"],
        message: `${threshold} servers are needed and ${tang.length} named, so the disk would never open: lower it or add servers`,
      },
    ];
  return threshold === tang.length
    ? [
        {
          path: [...path, "tang"],
          severity: "warning",
          message:
            tang.length === 1
              ? "one Tang server opens this disk, and while it is away the node does not boot: add another"
              : `all ${tang.length} Tang servers are needed to open this disk, and while one is away the node does not boot: lower threshold or add another`,
        },
      ]
    : [];
}
