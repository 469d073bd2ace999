// What the commands about machines in no inventory print. Pure; every text of a machine is made printable.

import type { DiscoveredView, DiscoveryView } from "../api/discovered-shapes.ts";
import type { MachineReport, ReportedDisk } from "../nodes/machine-report.ts";
import { formatDuration, formatTable, formatTime, printable } from "./table.ts";

// The switch port is the last of ten columns, and what people look for.
const tableColumns = 220;

export function discoveredTable(machines: readonly DiscoveredView[], nowMs: number): string[] {
  const ago = (ms: number) => formatDuration(nowMs - ms);
  return formatTable(
    ["MAC", "ADDRESS", "FIRST", "LAST", "MACHINE", "SERIAL", "CPU", "MEMORY", "DISKS", "PORT"],
    machines.map(({ mac, address, firstSeenMs, lastSeenMs, machine, facts, retired }) => [
      ...[mac, address ?? "-", ago(firstSeenMs), ago(lastSeenMs)],
      ...(machine === undefined
        ? [retiredText(retired) ?? factsText(facts), "-", "-", "-", "-", "-"]
        : [
            retiredText(retired) ??
              ([machine.vendor, machine.product].filter((word) => word !== undefined).join(" ") ||
                "-"),
            machine.serial ?? "-",
            `${machine.threads} x ${machine.cpu ?? "?"}`,
            formatMemory(machine.memoryBytes),
            machine.disks.map(({ sizeBytes }) => formatDiskSize(sizeBytes)).join(", ") || "none",
            machine.switchPort ?? "-",
          ]),
    ]),
    tableColumns,
  );
}

function retiredText(retired: string | undefined): string | undefined {
  return retired === undefined ? undefined : `retired: ${retired}`;
}

function factsText(facts: Readonly<Record<string, string>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

export function discoveryLines(view: DiscoveryView, nowMs: number): string[] {
  const [latest] = view.reports;
  const { mac, node, retired, address, firstSeenMs, lastSeenMs, waitingMs, facts } = view;
  return [
    line("mac", mac),
    ...(node === undefined ? [] : [line("node", `${node}: it was accepted`)]),
    ...(retired === undefined ? [] : [line("retired", retired)]),
    line("address", address ?? "none yet"),
    line("first", formatTime(firstSeenMs)),
    line("last", formatTime(lastSeenMs)),
    ...Object.entries(facts).map(([name, value]) => line("said", `${name}: ${value}`)),
    ...(latest === undefined
      ? [line("report", "none: it has not booted the discovery image (docs/discovery.md)")]
      : [
          line("report", `${formatTime(latest.atMs)}, from ${latest.address}`),
          line(
            "image",
            waitingMs === undefined ? "-" : `heard ${formatDuration(nowMs - waitingMs)} ago`,
          ),
          ...machineLines(latest.machine),
        ]),
    ...view.reports.slice(1).map(({ atMs, address: from }) => {
      return line("before", `${formatTime(atMs)}, from ${from}, said something else (--json)`);
    }),
  ];
}

function machineLines({ system, cpu, memoryBytes, disks, nics, ...rest }: MachineReport): string[] {
  const { firmware, secureBoot, bmc } = rest;
  const secure = secureBoot === undefined ? "" : `, Secure Boot ${secureBoot ? "on" : "off"}`;
  const texts = Object.entries(system).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${value}`],
  );
  return [
    line("machine", texts.join(", ") || "says nothing of itself"),
    line("firmware", `${firmware}${secure}`),
    line(
      "cpu",
      `${cpu.model ?? "?"}: ${cpu.sockets} sockets, ${cpu.cores} cores, ${cpu.threads} threads`,
    ),
    line("memory", formatMemory(memoryBytes)),
    ...disks.map((disk) => line("disk", diskText(disk))),
    ...nics.map((nic) => line("card", cardText(nic))),
    ...(bmc === undefined ? [] : [line("bmc", bmcText(bmc))]),
  ];
}

function diskText({ name, sizeBytes, model, serial, wwn, byId, ...kind }: ReportedDisk): string {
  const words = [
    `${name}: ${formatDiskSize(sizeBytes)}`,
    kind.rotational ? "rotating" : "solid",
    ...(kind.transport === undefined ? [] : [kind.transport]),
    ...(kind.removable ? ["removable"] : []),
    ...(kind.readOnly ? [] : ["not read-only"]),
    ...named({ model, serial, wwn }),
    ...byId.map((id) => `id ${id}`),
  ];
  return words.join(", ");
}

function cardText({ name, mac, neighbour, ...card }: MachineReport["nics"][number]): string {
  const { permanentMac, driver, speedMbps, link } = card;
  const words = [
    `${name}: ${mac}`,
    ...(permanentMac === undefined || permanentMac === mac ? [] : [`made as ${permanentMac}`]),
    ...named({ driver }),
    link ? `link${speedMbps === undefined ? "" : ` ${speedMbps} Mbit/s`}` : "no link",
    ...(neighbour === undefined ? [] : [`at ${named({ ...neighbour }).join(", ")}`]),
  ];
  return words.join(", ");
}

function bmcText({ address, mac, firmware }: NonNullable<MachineReport["bmc"]>): string {
  return named({ address, mac, firmware }).join(", ") || "there is one";
}

function named(values: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${value}`],
  );
}

function line(label: string, value: string): string {
  return printable(`${label.padEnd(9)}${value}`);
}

/** Memory is made in powers of two. */
function formatMemory(bytes: number): string {
  return `${Number((bytes / 2 ** 30).toFixed(1))} GiB`;
}

/** Disks are sold in powers of ten. */
function formatDiskSize(bytes: number): string {
  return bytes < 1e12 ? `${Math.round(bytes / 1e9)} GB` : `${Number((bytes / 1e12).toFixed(2))} TB`;
}
