// The JSON that the API takes and gives, in one place: the server filters its answers through these shapes,
// so that a field added inside does not leak out, and the command line reads answers with the same ones.

import { z } from "zod";
import { layers } from "../cluster/driver.ts";
import { areas, type CheckLine } from "../preflight/line.ts";
import { names, powerShape } from "./power-shapes.ts";

const count = z.int().min(0);
const text = z.string();

export const driftQuery = z.strictObject({
  node: z.union([text.transform((name) => [name]), names]).optional(),
});
export const eventsQuery = z.strictObject({
  /** Only events after this one, from there on. Absent: the newest ones. */
  after: z.coerce.number().pipe(count).optional(),
  limit: z.coerce.number().pipe(z.int().min(1).max(1000)).default(200),
});

const nodeShape = z.object({
  name: text,
  fqdn: text,
  mac: text,
  profile: text,
  role: text,
  firmware: text,
  provisioningAddress: text,
  productionAddress: text,
  disk: text,
  state: text,
  /** When the state was entered, milliseconds since the epoch. */
  sinceMs: z.number(),
  /** The id of the operation that runs for this node now. */
  operation: text.optional(),
  powerGroup: text.optional(),
  rack: text.optional(),
  position: z.number().optional(),
  labels: z.record(text, text).optional(),
  power: powerShape,
});

const leaseShape = z.object({
  address: text,
  mac: text,
  /** The declared node that has this MAC. */
  node: text.optional(),
  hostName: text.optional(),
  /** Option 61 in hexadecimal. */
  clientId: text.optional(),
  /**
   * `declined`: somebody else uses the address, and nobody gets it until `expiresAtMs`. `foreign`: another server gives the
   * addresses there, and was heard to be asked for this one.
   */
  state: z.enum(["bound", "released", "declined", "foreign"]),
  expiresAtMs: z.number(),
  lastSeenMs: z.number(),
});

const eventShape = z.object({
  id: count,
  atMs: z.number(),
  node: text.optional(),
  mac: text.optional(),
  kind: text,
  detail: z.record(text, z.unknown()).readonly(),
});

export const explanationShape = z.object({
  /** What was asked about, as it was asked. */
  subject: text,
  mac: text.optional(),
  node: text.optional(),
  state: text.optional(),
  /** What the machine would boot if it asked now, and the sentence that says why. */
  boot: z.enum(["installer", "discovery", "local-disk"]),
  reason: text,
  /** While an operation runs for the node: the last stage of its network boot, and what most often keeps a machine there. */
  stage: z.object({ name: text, likely: text }).optional(),
  /** Where the machine is not what the inventory says. */
  drift: text.optional(),
  /** What an undeclared machine said of itself. */
  facts: z.record(text, text).readonly().optional(),
  /** The last things that happened to it, oldest first. */
  events: z.array(eventShape).readonly(),
});

const layerShape = z.object({
  layer: z.enum(layers),
  verdict: z.enum(["healthy", "degraded", "no-quorum", "no-cluster"]),
  voters: z.array(text).readonly(),
  healthyVoters: z.array(text).readonly(),
  leader: text.optional(),
  disagreement: z
    .object({ kind: z.enum(["two-clusters", "leader", "members"]), detail: text })
    .optional(),
  reasons: z.array(text).readonly(),
  members: z.array(z.object({ id: text, raftAddress: text, status: text, role: text })).readonly(),
  /** When a write of the server was last committed there. Absent: not since it started. */
  committedMs: z.number().optional(),
  /** A leader that keeps its place and commits nothing. */
  stuck: z.object({ leader: text, sinceMs: z.number(), reason: text, next: text }).optional(),
});

/** Whether the cluster was ever formed, as generated documents need it; full names. */
export const formationShape = z.discriminatedUnion("state", [
  z.object({ cluster: text, state: z.literal("unformed"), founder: text.optional() }),
  z.object({ cluster: text, state: z.literal("formed"), through: z.array(text).readonly() }),
  z.object({ cluster: text, state: z.literal("unknown"), reason: text, next: text }),
]);

export const renderedShape = z.object({
  node: text,
  stage: text,
  /** The bytes the machine would get, as text, without the nonce of its install. */
  text,
  /** Its script as it was given last, for the stage `boot`. */
  served: z.object({ text, atMs: z.number() }).optional(),
});

export const checkQuery = z.strictObject({
  /** Absent: all of them. */
  only: z.enum(areas).optional(),
  /** Well-known passwords are tried on the BMCs, which count them as failed logins. */
  defaultPasswords: z.literal("try").optional(),
});

const driftShape = z.object({
  node: text,
  /** When the machine was looked at last. Absent: never. */
  seenMs: z.number().optional(),
  differences: z
    .array(
      z.object({
        /** `differs`: one of the two is wrong. `note`: worth knowing. */
        kind: z.enum(["differs", "note"]),
        setting: text,
        declared: text,
        found: text,
      }),
    )
    .readonly(),
});

export type CheckRequest = z.output<typeof checkQuery>;

const checkShape = z.object({
  area: z.enum(areas),
  title: text,
  level: z.enum(["ok", "warning", "error"]),
  detail: text,
  /** What to do about it; absent when all is well. */
  next: text.optional(),
}) satisfies z.ZodType<CheckLine>;

export const errorShape = z.object({
  error: z.object({ message: text, next: text.optional() }),
});

export const nodesAnswer = z.object({ nodes: z.array(nodeShape).readonly() });
export const leasesAnswer = z.object({ leases: z.array(leaseShape).readonly() });
export const eventsAnswer = z.object({ events: z.array(eventShape).readonly() });
export const clusterAnswer = z.object({ layers: z.array(layerShape).readonly() });
export const driftAnswer = z.object({ nodes: z.array(driftShape).readonly() });
export const checkAnswer = z.object({ checks: z.array(checkShape).readonly() });

export type NodeView = z.output<typeof nodeShape>;
export type LeaseView = z.output<typeof leaseShape>;
export type EventView = z.output<typeof eventShape>;
export type Explanation = z.output<typeof explanationShape>;
export type DriftView = z.output<typeof driftShape>;
export type LayerView = z.output<typeof layerShape>;
export type Formation = z.output<typeof formationShape>;
export type Rendered = z.output<typeof renderedShape>;
