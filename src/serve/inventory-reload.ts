// Puts another inventory in force while the server runs: read whole, validated whole, taken whole or not at all. What is invalid or
// refused leaves the last good one in force, and says so until the files are sound again.

import { isDeepStrictEqual } from "node:util";
import type { InventoryStatusView, InventoryVerdict } from "../api/inventory-shapes.ts";
import type { Finding } from "../inventory/check.ts";
import { diffInventories, isEmptyDiff, noDifference } from "../inventory/diff.ts";
import {
  areSameTexts,
  createInventoryReader,
  type InventoryTexts,
  parseInventoryTexts,
} from "../inventory/files.ts";
import type { LiveInventory } from "../inventory/live.ts";
import { formatProblem, type Parsed } from "../inventory/load.ts";
import { mixtureFindings, untilRestart } from "../inventory/restart.ts";
import type { Inventory } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import type { InventoryRefusal } from "../operations/inventory-guard.ts";

export type ReloadCause = "signal" | "files" | "request";

/** What the rest of the server does about a change. */
export interface ReloadHooks {
  /** Why the second can't take the place of the first now. */
  readonly refusals: (from: Inventory, to: Inventory) => Promise<readonly InventoryRefusal[]>;
  /** Brings what does not ask for the inventory at each use up to the one in force. */
  readonly apply: (inventory: Inventory) => Promise<void>;
  /** Hears every reading that changed something or failed; never throws. */
  readonly onRead: (verdict: InventoryVerdict, cause: ReloadCause) => void;
}

export interface InventoryReload {
  /** The file that names the others. */
  readonly file: string;
  readonly inForce: LiveInventory;
  status(): InventoryStatusView;
  /** Whether the files as they were read last are not in force. */
  isRefused(): boolean;
  /** What a change concerns is running: from now on there may be one. Before, a reload does nothing, for the files were read just then. */
  begin(hooks: ReloadHooks): void;
  /** Reads the files and takes them. One after the other; never rejects. */
  reload(cause: ReloadCause): Promise<InventoryVerdict>;
  /** The verdict on others in place of the files. Changes nothing. */
  compare(others: Parsed): Promise<InventoryVerdict>;
  /** The files as they are now. Changes nothing. */
  read(): InventoryTexts;
  /** Whether these texts are those that were read last. */
  isLastRead(texts: InventoryTexts): boolean;
}

/** Reads the inventory for the first time; throws with every problem when it is not usable. `now`: milliseconds since the epoch. */
export function openInventory(file: string, now: () => number): InventoryReload {
  const read = createInventoryReader(file);
  let texts = read();
  const first = parseInventoryTexts(file, texts);
  if ("problems" in first)
    throw new Error(
      `the inventory is not usable:\n${first.problems.map(formatProblem).join("\n")}`,
    );
  const started = first.inventory;
  let inForce = started;
  let hooks: ReloadHooks | undefined;
  let last: Found = { problems: [], refused: [], needsRestart: [], warnings: first.warnings };
  let loadedAtMs = now();
  let readAtMs = loadedAtMs;
  let running: Promise<unknown> = Promise.resolve();

  const refusalsOf = async (next: Inventory) => (await hooks?.refusals(inForce, next)) ?? [];
  const judge = async (loaded: Parsed): Promise<Judged> => {
    if ("problems" in loaded)
      return { verdict: { ...nothing, problems: loaded.problems }, next: undefined };
    const mixed = untilRestart(started, loaded.inventory);
    const { inventory: next, needsRestart } = mixed;
    const diff = diffInventories(inForce, next);
    const unsound = mixtureFindings(mixed).map(onlyWithRestart);
    const refused = isEmptyDiff(diff) ? [] : [...unsound, ...(await refusalsOf(next))];
    const { warnings } = loaded;
    return { verdict: { problems: [], refused, needsRestart, warnings, diff }, next };
  };
  const take = async (
    cause: ReloadCause,
    { apply, onRead }: ReloadHooks,
  ): Promise<InventoryVerdict> => {
    const before = last;
    texts = read();
    readAtMs = now();
    const { verdict, next } = await judge(parseInventoryTexts(file, texts));
    last = found(verdict);
    if (next !== undefined && isSound(verdict) && !isEmptyDiff(verdict.diff)) {
      inForce = next;
      loadedAtMs = now();
      await apply(next);
    }
    const isNews = !isEmptyDiff(verdict.diff) || !isSound(verdict);
    if (isNews || !isDeepStrictEqual(last, before)) onRead(verdict, cause);
    return verdict;
  };
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const ended = running.then(work);
    running = ended.catch(() => undefined);
    return ended;
  };
  return {
    file,
    inForce: () => inForce,
    status: () => ({
      ...{ site: inForce.site, nodes: inForce.nodes.length, files: [...texts.keys()] },
      ...{ valid: isSound(last), loadedAtMs, readAtMs },
      ...last,
    }),
    isRefused: () => !isSound(last),
    begin: (given) => {
      hooks = given;
    },
    reload: async (cause) => {
      const given = hooks;
      if (given === undefined) return nothing;
      return await inTurn(() => take(cause, given)).catch((error: unknown) => {
        const verdict = { ...nothing, problems: [faultOf(file, error)] };
        last = found(verdict);
        given.onRead(verdict, cause);
        return verdict;
      });
    },
    compare: (others) => inTurn(async () => (await judge(others)).verdict),
    read,
    isLastRead: (others) => areSameTexts(others, texts),
  };
}

type Found = Omit<InventoryVerdict, "diff">;

interface Judged {
  readonly verdict: InventoryVerdict;
  /** What can be put in force; undefined when the files are not sound. */
  readonly next: Inventory | undefined;
}

const nothing: InventoryVerdict = {
  ...{ problems: [], refused: [], needsRestart: [], warnings: [] },
  diff: noDifference,
};

function found({ problems, refused, needsRestart, warnings }: InventoryVerdict): Found {
  return { problems, refused, needsRestart, warnings };
}

function isSound({ problems, refused }: Found): boolean {
  return problems.length + refused.length === 0;
}

function onlyWithRestart({ path, message }: Finding): InventoryRefusal {
  return {
    reason: `takes effect only with a restart: ${path.join(".")}: ${message}`,
    next: "start the server again, which takes the whole file (systemctl restart rackstrap); or leave what waits for that out of the file",
  };
}

/** What is no fault of the file is told where the file's faults are. */
function faultOf(file: string, error: unknown): InventoryVerdict["problems"][number] {
  const message = `it can't be taken: ${messageOf(error)}; read the server's log`;
  return { file, line: 1, column: 1, path: "", message };
}
