// The image that the BMC shows its machine as a CD.

import { memberPaths } from "./collection.ts";
import type { Places } from "./discovery.ts";
import { clean } from "./failure.ts";
import { type Media, manager, system, virtualMedia } from "./shapes.ts";
import type { Resource, Turn } from "./turn.ts";

const maxDrives = 16;
// It reads the first of the image before it says that it is in.
const insertedWithinMs = 30_000;
const pollMs = 1_000;

export async function inserted(turn: Turn, places: Places): Promise<string | undefined> {
  const image = imageOf((await drive(turn, places)).value);
  return image === undefined ? undefined : clean(image);
}

/** Puts the image in, in place of another one, and resolves when the BMC says that it is in. */
export async function insert(turn: Turn, places: Places, Image: string): Promise<void> {
  const found = await drive(turn, places);
  const before = imageOf(found.value);
  if (before === Image) return;
  if (before !== undefined) await ejectFrom(turn, found);
  const action = found.value.Actions?.["#VirtualMedia.InsertMedia"];
  const change = { Image, Inserted: true, WriteProtected: true };
  if (action) await turn.post(action.target, change, { once: true });
  // XCC before its 2020 releases has the property only.
  else await turn.patch(await turn.get(found.path, virtualMedia), change);
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    if (imageOf((await turn.get(found.path, virtualMedia)).value) !== undefined) return;
    if (waitedMs >= insertedWithinMs)
      throw turn.fail("unsupported", `it took the image ${Image} and does not show it`);
    await turn.sleep(pollMs);
  }
}

export async function eject(turn: Turn, places: Places): Promise<void> {
  const found = await drive(turn, places);
  if (imageOf(found.value) !== undefined) await ejectFrom(turn, found);
}

async function ejectFrom(turn: Turn, found: Resource<Media>): Promise<void> {
  const action = found.value.Actions?.["#VirtualMedia.EjectMedia"];
  if (action) await turn.post(action.target, {});
  else await turn.patch(found, { Image: null, Inserted: false });
}

function imageOf({ Inserted, Image }: Media): string | undefined {
  return Inserted === true && Image ? Image : undefined;
}

/** The first CD drive of the manager, or of the system, where newer firmware has it. */
async function drive(turn: Turn, places: Places): Promise<Resource<Media>> {
  const ofManager =
    places.manager && (await turn.get(places.manager, manager)).value.VirtualMedia?.["@odata.id"];
  const collection =
    ofManager ?? (await turn.get(places.system, system)).value.VirtualMedia?.["@odata.id"];
  const paths = collection ? await memberPaths(turn, collection) : [];
  for (const path of paths.slice(0, maxDrives)) {
    const one = await turn.get(path, virtualMedia);
    if (one.value.MediaTypes?.some((type) => type === "CD" || type === "DVD")) return one;
  }
  throw turn.fail("unsupported", "it has no virtual CD drive");
}
