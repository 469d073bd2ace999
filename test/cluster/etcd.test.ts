// What the etcd driver makes of answers that a real etcd seldom gives. What it usually gives: test/interop/etcd-driver.test.ts.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeMember, fakeMember } from "./fake-member.ts";

const { signal } = new AbortController();
let member: FakeMember;
let folder: string;

beforeEach(async () => {
  member = await fakeMember("etcd");
  folder = mkdtempSync(join(tmpdir(), "rackstrap-snapshot-"));
  member.replies["POST /v3/maintenance/status"] = status();
});

afterEach(async () => {
  await member.close();
  rmSync(folder, { recursive: true });
});

function status(more: object = {}) {
  return {
    ...{ header: { member_id: "1" }, leader: "1", raftTerm: "2" },
    ...{ raftIndex: "41", raftAppliedIndex: "40", dbSize: "4096", ...more },
  };
}

const error = (text: string) => ({ error: text, message: text, code: 9 });

const peers = (...ids: string[]) => ({
  members: ids.map((id) => ({
    ...{ ID: id, name: `node0${id}`, peerURLs: [`https://10.0.200.${id}:2380`] },
  })),
});

test.each<[string, object, object]>([
  ["a leader", status(), { status: "healthy", raft: "leader" }],
  ["a follower", status({ leader: "2" }), { status: "healthy", raft: "follower" }],
  ["a learner", status({ leader: "2", isLearner: true }), { status: "healthy", raft: "learner" }],
  ["one without a leader", status({ leader: undefined }), { status: "without a leader" }],
  ["one with an alarm", status({ errors: ["NOSPACE"] }), { status: "NOSPACE" }],
])("%s says how it is", async (_, reply, expected) => {
  member.replies["POST /v3/maintenance/status"] = reply;
  member.replies["POST /v3/kv/range"] = {};
  expect(await member.driver.health(member.node, signal)).toMatchObject({ value: expected });
});

test("a member that can't read through its leader is not healthy, whatever it says of itself", async () => {
  member.replies["POST /v3/kv/range"] = [503, error("etcdserver: request timed out")];
  expect(await member.driver.health(member.node, signal)).toMatchObject({
    ok: false,
    passing: true,
  });
});

test.each([
  ["etcdserver: too many learner members in cluster", true],
  ["etcdserver: re-configuration failed due to not enough started members", true],
  ["etcdserver: unhealthy cluster", true],
  ["etcdserver: Peer URLs already exists", undefined],
])("an addition that ends with %j may pass: %s", async (text, passing) => {
  member.replies["POST /v3/cluster/member/list"] = peers("1");
  member.replies["POST /v3/cluster/member/add"] = [400, error(text)];
  const newcomer = { id: "node04", raftAddress: "10.0.200.4:2380" };
  const answer = await member.driver.addMember(member.node, newcomer, signal);
  expect(answer).toMatchObject({ ok: false, failed: expect.stringContaining(text) });
  expect(answer.ok || answer.passing).toBe(passing);
});

test("a member that somebody else has just removed is absent", async () => {
  member.replies["POST /v3/cluster/member/list"] = peers("1", "2");
  member.replies["POST /v3/cluster/member/remove"] = [404, error("etcdserver: member not found")];
  const { driver, node } = member;
  expect(await driver.removeMember(node, "node02", signal)).toMatchObject({
    value: { absent: true },
  });
});

const database = Buffer.from("d".repeat(100_000));
const trailer = createHash("sha256").update(database).digest();
const message = (blob: Buffer) =>
  `${JSON.stringify({ result: { blob: blob.toString("base64") } })}\n`;

test("a snapshot is put together from messages that arrive in any pieces", async () => {
  const stream = Buffer.from(
    [database.subarray(0, 40_000), database.subarray(40_000), trailer].map(message).join(""),
  );
  member.replies["POST /v3/maintenance/snapshot"] = (response: ServerResponse) => {
    for (let at = 0; at < stream.length; at += 7777) response.write(stream.subarray(at, at + 7777));
    response.end();
  };
  const file = join(folder, "etcd.snapshot");
  expect(await member.driver.snapshot(member.node, file, signal)).toMatchObject({
    value: { bytes: database.length + 32, term: 2, index: 40 },
  });
  expect(readFileSync(file).equals(Buffer.concat([database, trailer]))).toBe(true);
});

test.each<[string, string, string]>([
  ["without its hash", message(database), "the snapshot is not whole: 100000 bytes arrived"],
  [
    "that ends early",
    message(database.subarray(1)) + message(trailer),
    "the snapshot is not whole: 100031 bytes arrived",
  ],
  ["of nothing", message(Buffer.alloc(0)), "the snapshot is not whole: 0 bytes arrived"],
  [
    "that ends with an error",
    `${message(database)}{"error":{"message":"closing"}}\n`,
    'the snapshot breaks off: {"error":{"message":"closing"}}',
  ],
  ["cut in a message", message(database).slice(0, 500), "failed: "],
  ["of one endless line", "x".repeat(5_000_000), "a line has more than 4194304 bytes"],
])("a snapshot %s leaves nothing behind", async (_, stream, expected) => {
  member.replies["POST /v3/maintenance/snapshot"] = (response: ServerResponse) =>
    response.end(stream);
  const answer = await member.driver.snapshot(member.node, join(folder, "a"), signal);
  expect(answer).toMatchObject({ ok: false, failed: expect.stringContaining(expected) });
  expect(readdirSync(folder)).toEqual([]);
});
