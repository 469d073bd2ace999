// The steps of a backup: the folder with the site's own files, a snapshot of each layer with the backup's marker in it, and at the very end
// the manifest that makes a backup of the folder.

import { join } from "node:path";
import type { Layer, Snapshot } from "../../cluster/driver.ts";
import { type Judgement, majority } from "../../cluster/judge.ts";
import { messageOf } from "../../net/error-text.ts";
import { examineFiles, openFolder, writeManifest, writeSiteFiles } from "../backup/folder.ts";
import { type BackedUpFile, type LayerBackup, markerKey, newManifest } from "../backup/manifest.ts";
import type { Operation } from "../operation.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";

/** The member that a snapshot is taken from, a follower where there is one: or why there is no good one. Pure. */
export function snapshotSource(
  view: Judgement,
): { readonly from: string; readonly leader: string } | { readonly obstacle: string } {
  const { layer, verdict, leader, voters, healthyVoters, disagreement, reasons } = view;
  const why = (text: string) => ({ obstacle: `${layer}: ${text}` });
  if (verdict === "no-cluster") return why(`no member answers (${reasons.join("; ")})`);
  if (disagreement !== undefined) return why(disagreement.detail);
  // A member that has lost its cluster may hold less than was acknowledged.
  if (verdict === "no-quorum" || leader === undefined)
    return why(
      `voters ${voters.length}, healthy ${healthyVoters.length}, needed ${majority(voters.length)}: without a majority nobody knows what is committed`,
    );
  const from = healthyVoters.find((name) => name !== leader) ?? leader;
  return { from, leader };
}

export function beginBackup(work: Work, folder: string): Step {
  return {
    id: "folder",
    title: `make ${folder} and keep the site's files in it`,
    deadlineMs: 60_000,
    next: `look at the disk of this server: df ${folder}`,
    run: async ({ operation }) => {
      try {
        await openFolder(folder, operation.id);
        return done({ folder, files: await writeSiteFiles(folder, work.siteFiles()) });
      } catch (error) {
        return failed(
          `the backup can't be written: ${messageOf(error)}`,
          "make room, or name another directory: rackstrap backup --to DIR",
        );
      }
    },
  };
}

// Snapshots that broke off: a member that is busy may send the next one whole, a disk that is full will not.
const mostTries = 5;
// Seconds that a follower has to take the mark over.
const mostLooks = 20;
const unwritten = "look at the member and at the disk of this server, then back up again";

export function backUpLayer(work: Work, folder: string, layer: Layer): Step {
  const { timeouts } = work.inventory;
  return {
    id: `snapshot-${layer}`,
    title: `take a snapshot of ${layer} from a healthy member`,
    deadlineMs: timeouts.snapshotSeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async ({ operation, evidence }, signal) => {
      const view = (await work.cluster.fresh()).find((one) => one.layer === layer);
      const source = view === undefined ? { obstacle: `${layer} is gone` } : snapshotSource(view);
      if ("obstacle" in source) return wait(3000, source.obstacle);
      // Once: a mark that is written anew is further on each time than a follower has come.
      const marked =
        (evidence["marked"] as Mark | undefined) ??
        (await mark(work, layer, source.leader, operation.id, signal));
      if ("obstacle" in marked) return wait(3000, `${layer}: ${marked.obstacle}`);
      const holds = await holdsMark(work, layer, source.from, marked, signal);
      const looks = Number(evidence["looks"] ?? 0) + 1;
      if (holds === false && looks < mostLooks)
        return wait(1000, `${layer}: ${source.from} is behind the backup's mark`, {
          marked,
          looks,
        });
      // Where nobody tells how far it is, or it stays behind: the leader holds what it has acknowledged.
      const from = holds === true ? source.from : source.leader;
      const file = `${layer}.snapshot`;
      // A member that sends a little now and then would else be listened to for ever.
      const inTime = AbortSignal.timeout(timeouts.snapshotSeconds * 1000);
      const bounded = AbortSignal.any([signal, inTime]);
      const answer = await work.cluster.snapshot(layer, from, join(folder, file), bounded);
      const tries = Number(evidence["tries"] ?? 0) + 1;
      const why = answer.ok ? missing(marked, from, answer.value) : answer.failed;
      if (why !== undefined && tries >= mostTries) return failed(`${layer}: ${why}`, unwritten);
      if (!answer.ok || why !== undefined) return wait(3000, `${layer}: ${why}`, { marked, tries });
      const kept: LayerBackup = {
        ...{ layer, backup: operation.id, file, ...answer.value, from },
        atMs: work.clock.now(),
        members: (view?.members ?? []).map(({ id, raftAddress, role }) => ({
          ...{ id, raftAddress, role },
        })),
      };
      return done({ kept });
    },
  };
}

/** The entry of the log that a snapshot has to hold at least; absent where the leader does not tell how far it is. */
interface Mark {
  readonly index?: number;
}

/** Writes the backup's id into the layer. */
async function mark(
  { cluster }: Work,
  layer: Layer,
  leader: string,
  id: string,
  signal: AbortSignal,
): Promise<Mark | { readonly obstacle: string }> {
  const written = await cluster.putKey(layer, leader, markerKey, id, signal);
  if (!written.ok) return { obstacle: written.failed };
  const read = await cluster.getKey(layer, leader, markerKey, signal);
  if (!read.ok) return { obstacle: read.failed };
  if (read.value !== id) return { obstacle: `${leader} does not show what was written to it` };
  const told = await cluster.status(layer, leader, signal);
  // One that leads no more hands on what it is asked, and is itself behind.
  const now = (await cluster.fresh()).find((view) => view.layer === layer)?.leader;
  if (now !== leader) return { obstacle: `${leader} led, and ${now ?? "nobody"} does now` };
  const index = told.ok ? told.value.appliedIndex : undefined;
  return index === undefined ? {} : { index };
}

/** Undefined where it does not tell. A read is no answer: a follower hands reads to its leader. */
async function holdsMark(
  { cluster }: Work,
  layer: Layer,
  name: string,
  { index }: Mark,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (index === undefined) return undefined;
  const told = await cluster.status(layer, name, signal);
  const applied = told.ok ? told.value.appliedIndex : undefined;
  return applied === undefined ? undefined : applied >= index;
}

function missing(
  { index = 0 }: Mark,
  from: string,
  sent: Pick<Snapshot, "index">,
): string | undefined {
  return sent.index >= index
    ? undefined
    : `${from} sent its data up to entry ${sent.index}, and the backup's mark is entry ${index}`;
}

export function completeBackup(work: Work, folder: string): Step {
  return {
    id: "manifest",
    title: "read every file again and write the manifest",
    deadlineMs: work.inventory.timeouts.snapshotSeconds * 1000,
    next: `look at the folder: ${folder}`,
    run: async ({ operation }, signal) => await complete(work, folder, operation, signal),
  };
}

async function complete(
  { inventory, madeBy, clock }: Work,
  folder: string,
  operation: Operation,
  signal: AbortSignal,
): Promise<StepResult> {
  const evidence = (step: string) => operation.steps.find(({ id }) => id === step)?.evidence;
  const manifest = newManifest({
    ...{ id: operation.id, cluster: inventory.cluster.name, madeBy, atMs: clock.now() },
    layers: inventory.cluster.layers.map(
      (layer) => evidence(`snapshot-${layer}`)?.["kept"] as LayerBackup,
    ),
    files: evidence("folder")?.["files"] as BackedUpFile[],
  });
  const faults = await examineFiles(folder, manifest, signal);
  if (faults.length > 0)
    return failed(
      `what was written does not read back: ${faults.join("; ")}`,
      "the disk of this server may be failing: back up to another one with --to DIR",
    );
  await writeManifest(folder, manifest);
  return done({ folder, backup: operation.id, summary: `the backup is ${folder}` });
}
