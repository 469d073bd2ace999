// Members of a Redfish collection, however the BMC serves them: as links, with their content, in pages. Bounded.

import { z } from "zod";
import { BmcError } from "../bmc.ts";
import { collection } from "./shapes.ts";
import type { Resource, Turn } from "./turn.ts";

export interface MembersOptions {
  /** The BMC can give the members' content with the collection, so that each need not be asked for. */
  readonly expand?: boolean | undefined;
  readonly max: number;
}

const maxPages = 20;

/** The paths of a collection's members, in its order. */
export async function memberPaths(turn: Turn, path: string): Promise<readonly string[]> {
  const { value } = await turn.get(path, collection);
  return value.Members.flatMap((member) => member["@odata.id"] ?? []);
}

/** The content of up to `max` members. What is not as it should be in one of them is left out. */
export async function members<T>(
  turn: Turn,
  path: string,
  shape: z.ZodType<T>,
  { expand = false, max }: MembersOptions,
): Promise<readonly T[]> {
  const found: T[] = [];
  let page: string | null | undefined = expand ? `${path}?$expand=.($levels=1)` : path;
  for (let pages = 0; page && pages < maxPages && found.length < max; pages += 1) {
    const { value }: Resource<z.output<typeof collection>> = await turn.get(page, collection);
    for (const member of value.Members.slice(0, max - found.length)) {
      const content = hasContent(member) ? member : await readMember(turn, member["@odata.id"]);
      const parsed = shape.safeParse(content);
      if (parsed.success) found.push(parsed.data);
    }
    page = value["Members@odata.nextLink"];
  }
  return found;
}

/** A link is an object with nothing in it but its target. */
function hasContent(member: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(member).some((key) => !key.startsWith("@odata."));
}

/** One that is gone since the collection was read is no reason to give the others up. */
async function readMember(turn: Turn, path: string | null | undefined): Promise<unknown> {
  if (!path) return undefined;
  try {
    return (await turn.get(path, z.unknown())).value;
  } catch (error) {
    if (error instanceof BmcError && error.kind === "unsupported") return undefined;
    throw error;
  }
}
