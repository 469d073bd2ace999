// What Chainfire and FlareDB are asked to change, and how their snapshots are taken: against a member that a test scripts.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../../src/cluster/client.ts";
import { type FakeMember, fakeMember } from "./fake-member.ts";

const { signal } = new AbortController();
let member: FakeMember;
let folder: string;

beforeEach(async () => {
  member = await fakeMember("chainfire");
  folder = mkdtempSync(join(tmpdir(), "rackstrap-snapshot-"));
});

afterEach(async () => {
  await member.close();
  rmSync(folder, { recursive: true });
});

const reason = (answer: Answer<unknown>) =>
  answer.ok ? "no failure" : answer.failed.replace(/^127\.0\.0\.1:\d+ /, "");

const listed = (...ids: string[]) => ({
  members: ids.map((id) => ({
    ...{ id, raft_addr: `10.0.200.${id.slice(-1)}:2380`, status: "healthy", role: "follower" },
  })),
});

describe("a change of membership", () => {
  const node04 = { id: "node04", raftAddress: "10.0.200.4:2380" };

  it("adds a newcomer in the shape of the runbook", async () => {
    const { driver, node, requests, replies } = member;
    replies["GET /admin/cluster/members"] = listed("node01");
    replies["POST /admin/member/add"] = {};
    expect(await driver.addMember(node, node04, signal)).toEqual({
      ok: true,
      value: { added: true },
    });
    expect(requests.at(-1)).toBe(
      'POST /admin/member/add {"id":"node04","raft_addr":"10.0.200.4:2380"}',
    );
  });

  it("asks for nothing where the newcomer is a member already", async () => {
    const { driver, node, requests, replies } = member;
    replies["GET /admin/cluster/members"] = listed("node01", "node04");
    expect(await driver.addMember(node, node04, signal)).toMatchObject({ value: { added: false } });
    expect(requests).toEqual(["GET /admin/cluster/members"]);
  });

  it.each<[string, [number, object], object]>([
    ["done", [200, {}], { ok: true, value: { absent: false } }],
    ["done when nobody is called so", [404, {}], { ok: true, value: { absent: true } }],
    ["to be tried again without a leader", [503, {}], { ok: false, passing: true }],
    ["refused", [409, { error: "no" }], { ok: false, refusal: { status: 409 } }],
  ])("takes a removal for %s", async (_, reply, expected) => {
    const { driver, node, requests, replies } = member;
    replies["DELETE /admin/member/node%2F04"] = reply;
    expect(await driver.removeMember(node, "node/04", signal)).toMatchObject(expected);
    expect(requests).toEqual(["DELETE /admin/member/node%2F04"]);
  });

  it.each<[string, [number, object], object]>([
    ["handed over", [200, {}], { ok: true, value: "transferred" }],
    ["no such call", [404, {}], { ok: true, value: "unsupported" }],
    ["a call that the path does not take", [405, {}], { ok: true, value: "unsupported" }],
    ["refused", [409, { error: "no voter is called node02" }], { ok: false }],
  ])("takes a handing over of the lead for %s", async (_, reply, expected) => {
    const { driver, node, requests, replies } = member;
    replies["POST /admin/cluster/leader/transfer"] = reply;
    expect(await driver.transferLeader(node, "node02", signal)).toMatchObject(expected);
    expect(requests).toEqual(['POST /admin/cluster/leader/transfer {"id":"node02"}']);
  });
});

it("reads how far a member is from what it says of the leader", async () => {
  const { driver, node, replies } = member;
  replies["GET /admin/cluster/leader"] = { id: "node02", term: 7, index: 4711 };
  expect(await driver.status(node, signal)).toMatchObject({
    value: { term: 7, appliedIndex: 4711, commitIndex: undefined },
  });
});

const content = Buffer.from("x".repeat(200_000));
const sha256 = createHash("sha256").update(content).digest("hex");
const head = {
  ...{ "content-length": content.length, "x-raft-term": 3, "x-raft-index": 4711 },
  "x-snapshot-sha256": sha256,
};
const { "x-snapshot-sha256": _, ...unhashed } = head;
const path = "GET /admin/snapshot";

describe("a snapshot", () => {
  it("is written whole, in the place of an older one, to be read by its owner alone", async () => {
    const { driver, node, replies } = member;
    replies[path] = (response: ServerResponse) => response.writeHead(200, head).end(content);
    const file = join(folder, "chainfire.snapshot");
    writeFileSync(file, "older");
    writeFileSync(`${file}.part`, "left by a run that was killed", { mode: 0o644 });
    expect(await driver.snapshot(node, file, signal)).toEqual({
      ok: true,
      value: { bytes: content.length, sha256, term: 3, index: 4711 },
    });
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(readdirSync(folder)).toEqual(["chainfire.snapshot"]);
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    [
      "without its hash",
      (response) => response.writeHead(200, unhashed).end(content),
      "sends a snapshot that can't be checked: its header x-snapshot-sha256 is missing or wrong",
    ],
    [
      "without its index",
      (response) => response.writeHead(200, { ...head, "x-raft-index": "" }).end(content),
      "sends a snapshot that can't be checked: its header x-raft-index is missing or wrong",
    ],
    [
      "with another hash",
      (response) =>
        response.writeHead(200, { ...head, "x-snapshot-sha256": "0".repeat(64) }).end(content),
      `failed: the snapshot arrived damaged: its SHA-256 is ${sha256}, not ${"0".repeat(64)}`,
    ],
    [
      "that breaks off",
      (response) => {
        response.writeHead(200, head).write(content.subarray(0, 1000));
        setImmediate(() => response.destroy());
      },
      "cut the connection",
    ],
    [
      "that is refused",
      (response) => response.writeHead(503).end('{"error":"no leader"}'),
      'answered HTTP 503: {"error":"no leader"}',
    ],
  ])("%s leaves nothing behind", async (_case, reply, expected) => {
    const { driver, node, replies } = member;
    replies[path] = reply;
    expect(reason(await driver.snapshot(node, join(folder, "a"), signal))).toBe(expected);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("that can't be written names the file", async () => {
    const { driver, node, replies } = member;
    replies[path] = (response: ServerResponse) => response.writeHead(200, head).end(content);
    const file = join(folder, "absent", "a");
    expect(reason(await driver.snapshot(node, file, signal))).toContain(`'${file}.part'`);
    expect(existsSync(file)).toBe(false);
  });

  it("ends when the caller gives up", async () => {
    const { driver, node, replies } = member;
    const abort = new AbortController();
    replies[path] = (response: ServerResponse) => {
      response.writeHead(200, head).write(content.subarray(0, 1000));
      setTimeout(() => abort.abort(), 50);
    };
    const answer = await driver.snapshot(node, join(folder, "a"), abort.signal);
    expect(reason(answer)).toBe("was no longer asked: the request was cancelled");
    expect(readdirSync(folder)).toEqual([]);
  });
});
