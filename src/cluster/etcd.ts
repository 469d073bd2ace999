// etcd 3.4 and newer, through the JSON gateway of its gRPC API (POST /v3/…; octets in base64, 64-bit numbers as strings).
// Members are called by their names; one that was added and never started has none, and is called by its address.

import { createHash } from "node:crypto";
import { z } from "zod";
import { type Answer, type BodyStream, type Failure, failure, success } from "./client.ts";
import type { ClusterNode, Driver, DriverOptions, Member, Snapshot } from "./driver.ts";
import { type MemberApi, mapAnswer, memberApi } from "./member-api.ts";
import { standingOf } from "./membership.ts";
import { writeSnapshot } from "./snapshot-file.ts";

/** Its usual ports, which the inventory has no setting for. */
export const etcdPorts = { port: 2379, raftPort: 2380 };

// Proto3's JSON leaves out what is zero, false or empty.
const id64 = z.string().regex(/^\d+$/);
const count64 = id64.transform(Number).default(0);
const memberShape = z.object({
  ID: id64,
  name: z.string().default(""),
  peerURLs: z.array(z.string()).min(1),
  isLearner: z.boolean().default(false),
});
const membersShape = z.object({ members: z.array(memberShape).max(1000).default([]) });
const statusShape = z.object({
  header: z.object({ member_id: id64 }),
  leader: id64.default("0"),
  raftTerm: count64,
  raftIndex: count64,
  raftAppliedIndex: count64,
  dbSize: count64,
  isLearner: z.boolean().default(false),
  errors: z.array(z.string()).default([]),
});
const rangeShape = z.object({
  kvs: z.array(z.object({ value: z.string().default("") })).default([]),
});
const anyShape = z.unknown();
const blobShape = z.object({ result: z.object({ blob: z.base64().default("") }) });

type Status = z.output<typeof statusShape>;
/** A member with the number that etcd knows it by. */
type Numbered = Member & { readonly etcdId: string };

interface Gateway {
  call<S extends z.ZodType>(
    node: ClusterNode,
    method: string,
    body: object,
    shape: S,
    signal: AbortSignal,
  ): Promise<Answer<z.output<S>>>;
  status(node: ClusterNode, signal: AbortSignal): Promise<Answer<Status>>;
  /** The members as `node` knows them. A learner is not asked: etcd answers no such question there. */
  list(node: ClusterNode, signal: AbortSignal): Promise<Answer<readonly Numbered[]>>;
}

export function etcd(options: DriverOptions): Driver {
  const { ports = etcdPorts, nodeAt = () => undefined } = options;
  const api = memberApi(ports.port, options);
  const gateway = openGateway(api, nodeAt);
  return {
    layer: "etcd",
    ...ports,
    ...questions(gateway),
    ...changes(gateway),
    snapshot: async (node, file, signal) => {
      // Asked before the first octet: the copy is made later and holds at least that.
      const before = await gateway.status(node, signal);
      if (!before.ok) return before;
      const call = { method: "POST", path: "/v3/maintenance/snapshot", body: {} } as const;
      const read = (body: BodyStream) => saveSnapshot(before.value, body, file);
      return await api.stream(node, call, read, signal);
    },
  };
}

function openGateway(api: MemberApi, nodeAt: NonNullable<DriverOptions["nodeAt"]>): Gateway {
  const call: Gateway["call"] = async (node, method, body, shape, signal) => {
    const exchange = { method: "POST", path: `/v3/${method}`, body } as const;
    const answer = await api.ask(node, exchange, shape, signal);
    return answer.ok || !says(answer, ...passingWords) ? answer : { ...answer, passing: true };
  };
  return {
    call,
    status: async (node, signal) => await call(node, "maintenance/status", {}, statusShape, signal),
    list: async (node, signal) => {
      const listed = await call(node, "cluster/member/list", {}, membersShape, signal);
      if (!listed.ok) return listed;
      const status = await call(node, "maintenance/status", {}, statusShape, signal);
      if (!status.ok) return status;
      return success(
        listed.value.members.map(({ ID, name, peerURLs, isLearner }) => {
          const raftAddress = (peerURLs[0] ?? "").replace(/^https?:\/\//, "");
          const id = name || nodeAt(raftAddress.replace(/:\d+$/, "")) || raftAddress;
          const voting = ID === status.value.leader ? "leader" : "follower";
          const role = isLearner ? "learner" : voting;
          return {
            etcdId: ID,
            id,
            raftAddress,
            status: name === "" ? "unstarted" : "unknown",
            role,
          };
        }),
      );
    },
  };
}

function questions({
  call,
  status,
  list,
}: Gateway): Pick<Driver, "members" | "leader" | "health" | "status" | "putKey" | "getKey"> {
  const range = async (node: ClusterNode, key: string, signal: AbortSignal) =>
    await call(node, "kv/range", { key: encode(key) }, rangeShape, signal);
  return {
    members: async (node, signal) =>
      mapAnswer(await list(node, signal), (members) =>
        members.map(({ etcdId: _, ...member }) => member),
      ),
    leader: async (node, signal) => {
      const [members, own] = await Promise.all([list(node, signal), status(node, signal)]);
      if (!members.ok) return members;
      return mapAnswer(own, ({ leader, raftTerm }) => ({
        id: members.value.find(({ etcdId }) => etcdId === leader)?.id,
        // That of the last entry it has applied: zero before the first, which is not told.
        term: raftTerm === 0 ? undefined : raftTerm,
      }));
    },
    status: async (node, signal) =>
      mapAnswer(
        await status(node, signal),
        ({ raftTerm, raftIndex, raftAppliedIndex, dbSize }) => ({
          term: raftTerm,
          commitIndex: raftIndex,
          appliedIndex: raftAppliedIndex,
          dbSizeBytes: dbSize,
        }),
      ),
    health: async (node, signal) => {
      const own = await status(node, signal);
      if (!own.ok) return own;
      const about = { clusterSize: undefined, chainfire: undefined };
      const { leader, isLearner, header, errors } = own.value;
      const role = leader === header.member_id ? "leader" : "follower";
      const raft = isLearner ? "learner" : role;
      if (leader === "0") return success({ status: "without a leader", raft, ...about });
      if (errors.length > 0) return success({ status: errors.join(", "), raft, ...about });
      if (isLearner) return success({ status: "healthy", raft, ...about });
      // A read that the leader must confirm, as `etcdctl endpoint health` makes: a leader that commits nothing is found.
      return mapAnswer(await range(node, "health", signal), () => ({
        ...{ status: "healthy", raft, ...about },
      }));
    },
    putKey: async (node, key, value, signal) => {
      const body = { key: encode(key), value: encode(value) };
      return mapAnswer(await call(node, "kv/put", body, anyShape, signal), () => undefined);
    },
    getKey: async (node, key, signal) => {
      const answer = await range(node, key, signal);
      if (!answer.ok) return answer;
      const [found] = answer.value.kvs;
      return found === undefined
        ? failure(`${node.address} has no key ${key}`)
        : success(Buffer.from(found.value, "base64").toString("utf8"));
    },
  };
}

function changes({
  call,
  list,
  status,
}: Gateway): Required<Pick<Driver, "addMember" | "removeMember" | "promote" | "transferLeader">> {
  return {
    addMember: async (through, member, signal) => {
      const listed = await list(through, signal);
      if (!listed.ok) return listed;
      const { id, raftAddress } = member;
      const named = listed.value.map((other) =>
        other.id === raftAddress ? { ...other, id } : other,
      );
      const standing = standingOf(member, named);
      if (standing !== undefined) return standing;
      const body = { peerURLs: [`https://${raftAddress}`], isLearner: true };
      const added = await call(through, "cluster/member/add", body, anyShape, signal);
      return mapAnswer(added, () => ({ added: true }));
    },
    removeMember: async (through, id, signal) => {
      const found = await find(id, through, signal);
      if (!found.ok) return found;
      if (found.value === undefined) return success({ absent: true });
      const body = { ID: found.value.etcdId };
      const removed = await call(through, "cluster/member/remove", body, anyShape, signal);
      if (!removed.ok && says(removed, "member not found")) return success({ absent: true });
      return mapAnswer(removed, () => ({ absent: false }));
    },
    promote: async (through, id, signal) => {
      const found = await find(id, through, signal);
      if (!found.ok) return found;
      if (found.value === undefined) return failure(`${id} can't be promoted: it is no member`);
      if (found.value.role !== "learner") return success("voter-already");
      const body = { ID: found.value.etcdId };
      const promoted = await call(through, "cluster/member/promote", body, anyShape, signal);
      if (!promoted.ok && says(promoted, "in sync with leader")) return success("catching-up");
      return mapAnswer(promoted, () => "promoted");
    },
    transferLeader: async (leader, toId, signal) => {
      const [found, own] = await Promise.all([find(toId, leader, signal), status(leader, signal)]);
      if (!found.ok) return found;
      if (!own.ok) return own;
      if (found.value === undefined)
        return failure(`the lead can't be given to ${toId}: it is no member`);
      if (own.value.leader === found.value.etcdId) return success("transferred");
      const body = { targetID: found.value.etcdId };
      const method = "maintenance/transfer-leadership";
      return mapAnswer(await call(leader, method, body, anyShape, signal), () => "transferred");
    },
  };

  async function find(
    id: string,
    through: ClusterNode,
    signal: AbortSignal,
  ): Promise<Answer<Numbered | undefined>> {
    return mapAnswer(await list(through, signal), (members) =>
      members.find((member) => member.id === id),
    );
  }
}

// What etcd refuses for now, not for good: a learner is catching up, a member is not seen by all, an election runs.
const passingWords = [
  "too many learner",
  "not enough started members",
  "unhealthy cluster",
  "no leader",
  "not leader",
  "leader changed",
  "timed out",
];

function says({ refusal }: Failure, ...words: readonly string[]): boolean {
  return words.some((word) => refusal?.text.includes(word) === true);
}

function encode(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

const hashBytes = 32;

/** The stream ends with the SHA-256 of what came before it; that stays in the file, where `etcdctl snapshot restore` looks for it. */
async function saveSnapshot(
  before: Status,
  { chunks }: BodyStream,
  file: string,
): Promise<Answer<Snapshot>> {
  const hash = createHash("sha256");
  let tail: Buffer = Buffer.alloc(0);
  const watched = async function* () {
    for await (const blob of blobs(chunks)) {
      const seen = Buffer.concat([tail, blob]);
      const end = Math.max(0, seen.length - hashBytes);
      hash.update(seen.subarray(0, end));
      tail = seen.subarray(end);
      yield blob;
    }
  };
  const written = await writeSnapshot(file, watched(), ({ bytes }) => {
    if (bytes <= hashBytes || !hash.digest().equals(tail))
      throw new Error(
        `the snapshot is not whole: ${bytes} bytes arrived, and their SHA-256 is not at the end`,
      );
  });
  return success({ ...written, term: before.raftTerm, index: before.raftAppliedIndex });
}

// A message holds 32 KiB of the database, in base64.
const maxLineBytes = 4 * 1024 * 1024;

/** The octets in a stream of JSON messages, one in each line. */
async function* blobs(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let line = "";
  for await (const chunk of chunks) {
    line += chunk.toString("latin1");
    const lines = line.split("\n");
    line = lines.pop() ?? "";
    for (const text of lines) yield blobOf(text);
    if (line.length > maxLineBytes) throw new Error(`a line has more than ${maxLineBytes} bytes`);
  }
  if (line.trim() !== "") yield blobOf(line);
}

function blobOf(line: string): Buffer {
  const parsed = blobShape.safeParse(JSON.parse(line));
  if (!parsed.success) throw new Error(`the snapshot breaks off: ${line.slice(0, 160)}`);
  return Buffer.from(parsed.data.result.blob, "base64");
}
