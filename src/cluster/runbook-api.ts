// The HTTP shapes of the runbook (5.4 to 8.3), which Chainfire and FlareDB share, and those calls that the runbook lacks
// and docs/cluster-api.md defines: hand over the lead, take a snapshot.

import { z } from "zod";
import { type Answer, type BodyStream, failure, success } from "./client.ts";
import type {
  ClusterNode,
  Driver,
  DriverOptions,
  Layer,
  LayerPorts,
  Member,
  Snapshot,
} from "./driver.ts";
import { type MemberApi, mapAnswer, memberApi } from "./member-api.ts";
import { standingOf } from "./membership.ts";
import { writeSnapshot } from "./snapshot-file.ts";

// Lenient on keys that are added, strict on those that are judged: an unknown role must not count as a voter.
const memberShape = z.object({
  id: z.string().min(1),
  raft_addr: z.string(),
  status: z.string(),
  role: z.enum(["leader", "follower", "learner"]),
});
const membersShape = z.object({ members: z.array(memberShape).max(1000) });
const leaderShape = z.object({
  id: z.string().nullish(),
  term: z.number().optional(),
  index: z.number().optional(),
});
const healthShape = z.object({
  status: z.string(),
  raft: z.string(),
  cluster_size: z.number().optional(),
  chainfire: z.string().optional(),
});
const keyShape = z.object({ key: z.string(), value: z.string() });
/** What only says that a change was made. */
const anyShape = z.unknown();

const decimal = z.string().regex(/^\d{1,15}$/);
const snapshotHeaders = z.object({
  "content-length": decimal.transform(Number),
  "x-raft-term": decimal.transform(Number),
  "x-raft-index": decimal.transform(Number),
  "x-snapshot-sha256": z.string().regex(/^[0-9a-f]{64}$/),
});

/** A driver for one of the two layers. `usual` are its ports where the options name none. */
export function runbookDriver(layer: Layer, usual: LayerPorts, options: DriverOptions): Driver {
  const { ports = usual } = options;
  const api = memberApi(ports.port, options);
  const get = async <S extends z.ZodType>(
    node: ClusterNode,
    path: string,
    shape: S,
    signal: AbortSignal,
  ) => await api.ask(node, { method: "GET", path }, shape, signal);
  const leaderOf = async (node: ClusterNode, signal: AbortSignal) =>
    await get(node, "/admin/cluster/leader", leaderShape, signal);

  return {
    layer,
    ...ports,
    members: async (node, signal) => await listMembers(api, node, signal),
    leader: async (node, signal) =>
      mapAnswer(await leaderOf(node, signal), ({ id, term }) => ({
        id: id === null || id === "" ? undefined : id,
        term,
      })),
    status: async (node, signal) =>
      mapAnswer(await leaderOf(node, signal), ({ term, index }) => ({
        ...{ term, commitIndex: undefined, appliedIndex: index, dbSizeBytes: undefined },
      })),
    health: async (node, signal) =>
      mapAnswer(await get(node, "/health", healthShape, signal), (health) => ({
        status: health.status,
        raft: health.raft,
        clusterSize: health.cluster_size,
        chainfire: health.chainfire,
      })),
    putKey: async (node, key, value, signal) => {
      const put = { method: "PUT", path: keyPath(key), body: { value } } as const;
      return mapAnswer(await api.ask(node, put, anyShape, signal), () => undefined);
    },
    getKey: async (node, key, signal) => {
      const answer = await get(node, keyPath(key), keyShape, signal);
      if (answer.ok && answer.value.key !== key)
        return failure(
          `${node.address}:${ports.port} answered the key ${answer.value.key} for ${key}`,
        );
      return mapAnswer(answer, ({ value }) => value);
    },
    ...changes(api),
    snapshot: async (node, file, signal) =>
      await api.stream(
        node,
        { method: "GET", path: "/admin/snapshot" },
        async (body) => await saveSnapshot(`${node.address}:${ports.port}`, body, file),
        signal,
      ),
  };
}

function changes(api: MemberApi): Pick<Driver, "addMember" | "removeMember" | "transferLeader"> {
  return {
    addMember: async (through, member, signal) => {
      const listed = await listMembers(api, through, signal);
      if (!listed.ok) return listed;
      const standing = standingOf(member, listed.value);
      if (standing !== undefined) return standing;
      const body = { id: member.id, raft_addr: member.raftAddress };
      const add = { method: "POST", path: "/admin/member/add", body } as const;
      return mapAnswer(await api.ask(through, add, anyShape, signal), () => ({ added: true }));
    },
    removeMember: async (through, id, signal) => {
      const path = `/admin/member/${encodeURIComponent(id)}`;
      const answer = await api.ask(through, { method: "DELETE", path }, anyShape, signal);
      if (!answer.ok && answer.refusal?.status === 404) return success({ absent: true });
      return mapAnswer(answer, () => ({ absent: false }));
    },
    transferLeader: async (leader, toId, signal) => {
      const path = "/admin/cluster/leader/transfer";
      const transfer = { method: "POST", path, body: { id: toId } } as const;
      const answer = await api.ask(leader, transfer, anyShape, signal);
      if (!answer.ok && [404, 405].includes(answer.refusal?.status ?? 0))
        return success("unsupported");
      return mapAnswer(answer, () => "transferred");
    },
  };
}

async function listMembers(
  api: MemberApi,
  node: ClusterNode,
  signal: AbortSignal,
): Promise<Answer<readonly Member[]>> {
  const list = { method: "GET", path: "/admin/cluster/members" } as const;
  return mapAnswer(await api.ask(node, list, membersShape, signal), ({ members }) =>
    members.map(({ raft_addr, ...member }) => ({ ...member, raftAddress: raft_addr })),
  );
}

async function saveSnapshot(
  where: string,
  { headers, chunks }: BodyStream,
  file: string,
): Promise<Answer<Snapshot>> {
  const parsed = snapshotHeaders.safeParse(headers);
  if (!parsed.success)
    return failure(
      `${where} sends a snapshot that can't be checked: its header ${parsed.error.issues[0]?.path.join(".")} is missing or wrong`,
    );
  const told = parsed.data;
  const written = await writeSnapshot(file, chunks, ({ bytes, sha256 }) => {
    if (bytes !== told["content-length"])
      throw new Error(`the snapshot has ${bytes} of ${told["content-length"]} bytes`);
    if (sha256 !== told["x-snapshot-sha256"])
      throw new Error(
        `the snapshot arrived damaged: its SHA-256 is ${sha256}, not ${told["x-snapshot-sha256"]}`,
      );
  });
  return success({ ...written, term: told["x-raft-term"], index: told["x-raft-index"] });
}

function keyPath(key: string): string {
  return `/v1/kv/${encodeURIComponent(key)}`;
}
