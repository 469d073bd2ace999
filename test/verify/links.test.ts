import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bandwidthLine, checkBandwidth } from "../../src/verify/bandwidth.ts";
import { checkLinks, linkLines, linkScript } from "../../src/verify/links.ts";
import type { Probes } from "../../src/verify/probes.ts";
import { never, nodeOf, scope, shown, site } from "./fake-probes.ts";

const inventory = site();
const node01 = nodeOf(inventory, "node01");
const peers = ["node02", "node03"].map((name) => ({
  node: nodeOf(inventory, name),
  ports: [2379, 2380],
}));

const rtt = (ms: number) => `rtt min/avg/max/mdev = 0.100/${ms}/9.100/0.010 ms`;

function output(changes: Readonly<Record<string, string>> = {}): string {
  const said: Readonly<Record<string, string>> = {
    ...{ "tcp 10.0.200.11 2379": "open", "tcp 10.0.200.11 2380": "open" },
    ...{ "tcp 10.0.200.12 2379": "open", "tcp 10.0.200.12 2380": "open" },
    ...{ "ping 10.0.200.11": rtt(0.312), "ping 10.0.200.12": rtt(0.4) },
    ...changes,
  };
  return Object.entries(said)
    .map(([key, value]) => `${key} ${value}\n`)
    .join("");
}

test.each<[string, Readonly<Record<string, string>>, string, string]>([
  [
    "all is open and near",
    {},
    "ok node02, node03: 2379, 2380 open",
    "ok node02 0.31 ms, node03 0.40 ms",
  ],
  [
    "BusyBox measured",
    { "ping 10.0.200.11": "round-trip min/avg/max = 0.1/0.2/0.3 ms" },
    "ok node02, node03: 2379, 2380 open",
    "ok node02 0.20 ms, node03 0.40 ms",
  ],
  [
    "a port is closed and one silent",
    { "tcp 10.0.200.11 2380": "refused", "tcp 10.0.200.12 2379": "silent" },
    "error node02: 2380 refused; node03: 2379 silent",
    "ok node02 0.31 ms, node03 0.40 ms",
  ],
  [
    "it is far",
    { "ping 10.0.200.12": rtt(1) },
    "ok node02, node03: 2379, 2380 open",
    "warning node03 1.00 ms; below 1 ms is ideal",
  ],
  [
    "it is too far",
    { "ping 10.0.200.12": rtt(5) },
    "ok node02, node03: 2379, 2380 open",
    "error node03 5.00 ms; 5 ms is the limit",
  ],
  [
    "nothing comes back",
    { "ping 10.0.200.12": "3 packets transmitted, 0 received, 100% packet loss" },
    "ok node02, node03: 2379, 2380 open",
    "warning no round trip to node03 (ping said: 3 packets transmitted, 0 received, 100% packet loss)",
  ],
])("when %s, both lines say so", (_, changes, connections, roundTrip) => {
  const lines = linkLines(node01, peers, output(changes));
  expect(shown(lines)).toEqual([
    connections.replace(" ", " from node01, connections: "),
    roundTrip.replace(" ", " from node01, round trip: "),
  ]);
});

test("a port that nobody tried does not count as open", () => {
  expect(shown(linkLines(node01, peers, ""))).toEqual([
    "error from node01, connections: node02: 2379 not tried, 2380 not tried; node03: 2379 not tried, 2380 not tried",
    "warning from node01, round trip: no round trip to node02, node03 (ping said: nothing)",
  ]);
});

test("every node is asked about all others by one script over SSH", async () => {
  const inputs = new Map<string, string>();
  const shell: Probes["shell"] = {
    run: async (node, command, { input = "" }) => {
      expect(command).toBe("bash -s");
      inputs.set(node.name, input);
      return { ok: true, stdout: output() };
    },
  };
  await checkLinks(scope(), { shell }, never);
  expect([...inputs.keys()]).toEqual(["node01", "node02", "node03"]);
  expect(inputs.get("node01")).toContain(
    "(try 10.0.200.11 2379; try 10.0.200.11 2380; try 10.0.200.11 2479; try 10.0.200.11 2480; wait; round_trip 10.0.200.11) &",
  );
  expect(inputs.get("node01")).not.toContain("10.0.200.10 ");
});

test("a large rack is tried in rounds, and summed up", () => {
  const many = Array.from({ length: 40 }, () => peers[0] ?? { node: node01, ports: [] });
  expect(linkScript(many).match(/^wait$/gm)).toHaveLength(3);
  const lines = linkLines(node01, many, output());
  expect(shown(lines)).toEqual([
    "ok from node01, connections: 40 nodes: 2379, 2380 open",
    "ok from node01, round trip: 40 nodes, 0.31 to 0.31 ms",
  ]);
});

test.each([
  ["timeout", "ssh root@10.0.200.10 port 22: no end in time", "error"],
  ["unknown-key", "the SSH host key of node node01 is not known here", "warning"],
])("a node that lets nobody in (%s) is told with a remedy", async (kind, why, level) => {
  const shell: Probes["shell"] = { run: async () => ({ ok: false, kind, why }) };
  const [line] = await checkLinks(scope(), { shell }, never);
  expect(line).toMatchObject({ level, title: "from node01", detail: `not tried: ${why}` });
  expect(line?.next).toBeDefined();
});

test("one node has no links", async () => {
  const alone = { ...scope(), nodes: [node01] };
  const shell: Probes["shell"] = { run: async () => Promise.reject(new Error("not asked")) };
  expect(shown(await checkLinks(alone, { shell }, never))).toEqual([
    "ok nodes: 1 node, so no links",
  ]);
  expect(await checkBandwidth(alone, { shell }, never)).toEqual([]);
});

const iperf = (bits: number) =>
  JSON.stringify({ end: { sum_received: { bits_per_second: bits } } });

test.each([
  [`10000\n${iperf(9.4e9)}`, "ok 9.40 Gbit/s of 10"],
  [`10000\n${iperf(3e9)}`, "warning 3.00 Gbit/s of 10"],
  [`-1\n${iperf(3e9)}`, "ok 3.00 Gbit/s; the link does not tell its speed"],
  ["10000\n{}", "error iperf3 answered without a figure"],
])("of iperf3's %j is told: %s", (text, expected) => {
  const { level, title, detail } = bandwidthLine(node01, nodeOf(inventory, "node02"), text);
  expect(title).toBe("from node01, bandwidth to node02");
  expect(`${level} ${detail}`).toBe(expected);
});

test("bandwidth is measured from each node to the next, one pair after the other", async () => {
  let running = 0;
  const pairs: string[] = [];
  const shell: Probes["shell"] = {
    run: async (node, command, _options, signal) => {
      if (command !== "bash -s")
        return await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("ended")));
        });
      pairs.push(node.name);
      expect(++running).toBe(1);
      await Promise.resolve();
      running--;
      return { ok: true, stdout: `1000\n${iperf(9.4e8)}` };
    },
  };
  const lines = await checkBandwidth(scope(), { shell }, never);
  expect(pairs).toEqual(["node01", "node02", "node03"]);
  expect(shown(lines)[2]).toBe("ok from node03, bandwidth to node01: 0.94 Gbit/s of 1");
});

test.each([
  ["node01", "not measured: no iperf3 on node01"],
  ["node02", "not measured: no iperf3 on node02"],
])("a node without iperf3 is named: %s", async (lacking, detail) => {
  const shell: Probes["shell"] = {
    run: async (node, command) => {
      const why = `exit code ${node.name === lacking ? 3 : 4}: no reason given`;
      if (command === "bash -s" || node.name === lacking)
        return { ok: false, kind: "command", why };
      return { ok: true, stdout: "" };
    },
  };
  const [first] = await checkBandwidth(scope(), { shell }, never);
  expect(first).toMatchObject({ level: "warning", detail });
});

/** How often a node's iperf3 is started that always answers that, and what the node says of it in the end. */
async function measuredAgainst(answer: string) {
  const folder = mkdtempSync(join(tmpdir(), "rackstrap-iperf-"));
  const program = (name: string, text: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  program("iperf3", `echo try >> ${folder}/tries; echo '${answer}'`);
  program("sleep", ":");
  program("ip", ":");
  const env = { PATH: `${folder}:${process.env["PATH"]}` };
  const said: string[] = [];
  const shell: Probes["shell"] = {
    run: async (_node, command, { input = "" }) => {
      if (command !== "bash -s") return { ok: true, stdout: "" };
      said.push(spawnSync("bash", ["-s"], { input, env, encoding: "utf8" }).stderr);
      return { ok: false, kind: "command", why: "exit code 4" };
    },
  };
  try {
    const two = { ...scope(), nodes: scope().nodes.slice(0, 2) };
    await checkBandwidth(two, { shell }, never);
    return { said, tries: readFileSync(join(folder, "tries"), "utf8").match(/try/g)?.length };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.each([
  ["Connection refused", 10],
  ["Connection timed out", 1],
])("a peer whose iperf3 says %s is tried %i time(s)", async (reason, tries) => {
  const answer = `{ "error": "unable to connect to server: ${reason}" }`;
  const said = [expect.stringContaining(reason)];
  expect(await measuredAgainst(answer)).toEqual({ said, tries });
});
