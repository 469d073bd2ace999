// Asset sets as lines of text, and the progress of their copies.

import type { Activated } from "../boot/asset-store/activate.ts";
import type { Collected } from "../boot/asset-store/gc.ts";
import type { Imported, Progress } from "../boot/asset-store/import.ts";
import type { StoreList } from "../boot/asset-store/list.ts";
import { createLiveDisplay } from "./live.ts";
import { cut, formatTable, formatTime, printable } from "./table.ts";

/** `14.2 MB`: decimal, as file managers and downloads have it. */
export function formatBytes(bytes: number): string {
  return bytes < 100_000 ? `${bytes} bytes` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function setsTable({ sets, folders }: StoreList): string[] {
  const rows = sets.map(({ profile, id, state, described }) => [
    profile,
    id,
    state,
    described?.arch ?? "-",
    described?.kernelVersion ?? "-",
    described === undefined
      ? "-"
      : formatBytes(described.kernel.sizeBytes + described.initrd.sizeBytes),
    described === undefined ? "-" : formatTime(Date.parse(described.importedAt)),
    described?.buildId ?? "set.json can't be understood",
  ]);
  const byHand = folders.map((profile) => [
    profile,
    "-",
    "active",
    "-",
    "-",
    "-",
    "-",
    "a folder filled by hand",
  ]);
  return formatTable(
    ["PROFILE", "ID", "STATE", "ARCH", "KERNEL", "SIZE", "IMPORTED", "BUILD"],
    [...rows, ...byHand],
    160,
  );
}

export function importedLine({ set, outcome }: Imported): string {
  const what = {
    imported: "imported",
    present: "was there already",
    replaced: "imported in place of a damaged copy",
  }[outcome];
  return printable(
    `${set.profile}: set ${set.id} ${what}: ${set.buildId}, ${set.arch}, kernel ${formatBytes(set.kernel.sizeBytes)}, initrd ${formatBytes(set.initrd.sizeBytes)}`,
  );
}

export function switchedLine(profile: string, { id, before }: Activated): string {
  if (id === before) return `${profile}: set ${id} is active already`;
  return `${profile}: set ${id} is active${before === undefined ? "" : `, before it ${before}`}`;
}

export function gcLines(collected: readonly Collected[], dryRun: boolean): string[] {
  const freed = collected.filter(({ verdict }) => "free" in verdict);
  const bytes = freed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return [
    ...collected.map(({ name, verdict, sizeBytes }) => {
      const [what, why] =
        "keep" in verdict
          ? ["kept", verdict.keep]
          : [dryRun ? "would go" : "removed", verdict.free];
      return printable(`${what.padEnd(8)}  ${name}: ${formatBytes(sizeBytes)}, ${why}`);
    }),
    `${formatBytes(bytes)} ${dryRun ? "could be freed" : "freed"}`,
  ];
}

// Smaller files are copied before anyone would wonder.
const largeBytes = 32 * 1024 * 1024;
const redrawMs = 100;

/** Shows how far the copy of a large file is: drawn in place on a terminal, else one line for each quarter. */
export function createCopyProgress(
  output: Pick<NodeJS.WriteStream, "isTTY" | "columns" | "write">,
  now: () => number,
): (progress: Progress) => void {
  const display = createLiveDisplay((text) => output.write(text));
  let drawnMs = 0;
  let quarter = 0;
  return ({ file, doneBytes, totalBytes }) => {
    if (totalBytes < largeBytes) return;
    const done = doneBytes === totalBytes;
    const reached = Math.floor((doneBytes / totalBytes) * 4);
    const due = output.isTTY ? now() - drawnMs >= redrawMs : reached > quarter;
    if (due || done) {
      const line = printable(`${file}: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`);
      if (output.isTTY) display.draw(done ? [] : [cut(line, (output.columns || 80) - 1)]);
      else output.write(`${line}\n`);
      drawnMs = now();
    }
    quarter = done ? 0 : reached;
  };
}
