// Is there room for state and images?

import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Surroundings } from "./surroundings.ts";

const mebibyte = 1024 * 1024;

interface Place {
  readonly title: string;
  readonly directory: string;
  /** Below it, things fail; below the double of `wanted`, they will before long. */
  readonly needMiB: number;
  readonly wantMiB: number;
}

/** An image set has 250 to 500 MB (runbook §3.6), and a new one stands beside the old. */
function placesOf({ server }: Inventory): readonly Place[] {
  return [
    { title: "state", directory: server.stateDirectory, needMiB: 64, wantMiB: 512 },
    { title: "boot assets", directory: server.assetDirectory, needMiB: 256, wantMiB: 1024 },
  ];
}

export async function checkDiskSpace(
  inventory: Inventory,
  { freeBytes }: Pick<Surroundings, "freeBytes">,
): Promise<readonly CheckLine[]> {
  return await Promise.all(
    placesOf(inventory).map(async ({ title, directory, needMiB, wantMiB }) => {
      const subject = { area: "boot-server" as const, title: `disk space for ${title}` };
      const free = Math.floor((await freeBytes(directory)) / mebibyte);
      const detail = `${free} MiB free for ${directory}`;
      const next = `free some space there: at least ${wantMiB} MiB`;
      if (free < needMiB) return error(subject, detail, next);
      return free < wantMiB ? warning(subject, detail, next) : ok(subject, detail);
    }),
  );
}
