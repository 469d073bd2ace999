// The first-boot script: what it logs, asks and returns for each course of events. `curl` plays the
// local service and the leader from two lists of answers, and `sleep` takes no time.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const script = join(import.meta.dirname, "../../templates/first-boot/cluster-join");

// Takes the first line of the list of answers, and repeats the last: status|Retry-After|error|exit code|body.
const fakeCurl = `#!/bin/bash
case "$*" in *"/health") list=health ;; *) list=add ;; esac
echo "$*" >> "$DIRECTORY/$list-calls"
IFS='|' read -r status retry error code body < "$DIRECTORY/$list"
[ "$(wc -l < "$DIRECTORY/$list")" -eq 1 ] || sed -i 1d "$DIRECTORY/$list"
printf '%s\\n%s\\n%s\\n%s' "$body" "$retry" "$error" "$status"
exit "$code"
`;

const waiting = '200|||0|{"status":"waiting","raft":"none","reason":"not yet a member"}';
const learner = '200|||0|{"status":"healthy","raft":"learner"}';
const follower = '200|||0|{"status":"healthy","raft":"follower"}';
const leader = '200|||0|{"status":"healthy","raft":"leader"}';
const silent = "000||Failed to connect to node04.example.com port 2379|7|";
const added = '200|||0|{"id":"node04","added":true}';
const pending = '503|2||0|{"error":"node02 is still catching up"}';

const joining = {
  node_id: "node04",
  node_role: "worker",
  bootstrap: false,
  cluster_name: "prod-cluster",
  leader_url: "https://node01.example.com:2379",
  raft_addr: "10.0.200.20:2380",
};
const bootstrapping = { ...joining, node_id: "node01", bootstrap: true };

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-cluster-join-"));
  writeFileSync(join(directory, "curl"), fakeCurl);
  writeFileSync(join(directory, "sleep"), "#!/bin/sh\n");
  for (const name of ["curl", "sleep"]) chmodSync(join(directory, name), 0o755);
  writeFileSync(join(directory, "ca-cert.pem"), "");
});

afterEach(() => rmSync(directory, { recursive: true }));

interface Case {
  readonly name: string;
  readonly layer?: "chainfire" | "flaredb";
  /** The configuration file's value, or its text; undefined for no file. */
  readonly config: unknown;
  readonly health?: readonly string[];
  readonly add?: readonly string[];
  readonly code: number;
  /** The messages without the level. */
  readonly log: readonly (string | RegExp)[];
  readonly environment?: Record<string, string>;
}

const waitsForFlaredb = ["Waiting for local flaredb service...", "Local flaredb healthy"];
const waitsForService = ["Waiting for local chainfire service...", "Local chainfire healthy"];
const asks = "Asking https://node01.example.com:2379 to add node04 (10.0.200.20:2380)";

const cases: readonly Case[] = [
  {
    name: "a bootstrap node waits until it leads",
    config: bootstrapping,
    health: [silent, waiting, leader],
    code: 0,
    log: [...waitsForService, "Bootstrap node, cluster initialized", "Cluster join complete"],
  },
  {
    name: "a joining node asks the leader and waits until it is a voter",
    config: joining,
    health: [waiting, learner, follower],
    add: [added],
    code: 0,
    log: [...waitsForService, asks, "Cluster join complete"],
  },
  {
    name: "flaredb has its own ports on the same hosts",
    layer: "flaredb",
    config: joining,
    health: [waiting, follower],
    add: [added],
    code: 0,
    log: [
      ...waitsForFlaredb,
      "Asking https://node01.example.com:2479 to add node04 (10.0.200.20:2480)",
      "Cluster join complete",
    ],
  },
  {
    name: "the unit of a site with its own ports names them",
    layer: "flaredb",
    config: joining,
    environment: { API_PORT: "12479", RAFT_PORT: "12480" },
    health: [waiting, follower],
    add: [added],
    code: 0,
    log: [
      ...waitsForFlaredb,
      "Asking https://node01.example.com:12479 to add node04 (10.0.200.20:12480)",
      "Cluster join complete",
    ],
  },
  {
    name: "a node that is a voter changes nothing",
    config: joining,
    health: [follower],
    code: 0,
    log: [...waitsForService, "Already a member of the cluster", "Cluster join complete"],
  },
  {
    name: "a learner is not added again",
    config: joining,
    health: [learner, learner, follower],
    code: 0,
    log: [...waitsForService, "Cluster join complete"],
  },
  {
    name: "waits while another node catches up or the leader is away",
    config: joining,
    health: [waiting, follower],
    add: ["000||Connection refused|7|", pending, '409|5||0|{"error":"busy"}', added],
    code: 0,
    log: [...waitsForService, asks, "Cluster join complete"],
  },
  {
    name: "a refusal without a retry time is final",
    config: joining,
    health: [waiting],
    add: ['409|||0|{"error":"10.0.200.20:2380 belongs to member node05"}'],
    code: 2,
    log: [
      ...waitsForService,
      asks,
      /^Join request refused by https:\/\/node01\.example\.com:2379: HTTP 409 .*node05/,
    ],
  },
  {
    name: "gives up asking in time, and names the cause",
    config: joining,
    health: [waiting],
    add: ["000||Failed to connect: Connection refused|7|"],
    environment: { JOIN_TIMEOUT: "0" },
    code: 1,
    log: [
      ...waitsForService,
      asks,
      /^Join request failed: .*Connection refused \(gave up after 0s\)/,
    ],
  },
  {
    name: "a leader with a foreign certificate is not asked twice",
    config: joining,
    health: [waiting],
    add: ["000||SSL certificate problem: self-signed certificate|60|"],
    code: 2,
    log: [
      ...waitsForService,
      asks,
      /^Join request failed: certificate of .* not accepted: SSL certificate problem/,
    ],
  },
  {
    name: "the local service has its time to answer",
    config: joining,
    health: [silent],
    environment: { HEALTH_TIMEOUT: "0" },
    code: 1,
    log: [
      "Waiting for local chainfire service...",
      /^Health check timeout after 0s: local chainfire: Failed to connect/,
    ],
  },
  {
    name: "a service that refuses to bootstrap is reported at once",
    config: bootstrapping,
    health: [
      '503|||0|{"status":"refused","raft":"none","reason":"bootstrap refused: node02 is a member"}',
    ],
    code: 2,
    log: [
      "Waiting for local chainfire service...",
      "Local chainfire refuses: bootstrap refused: node02 is a member",
    ],
  },
  {
    name: "a node that stays a learner is not called complete",
    config: joining,
    health: [waiting, learner],
    add: [added],
    environment: { VOTER_TIMEOUT: "0" },
    code: 1,
    log: [...waitsForService, asks, /^Not a voter after 0s: local chainfire has raft learner/],
  },
  {
    name: "no configuration file",
    config: undefined,
    code: 2,
    log: [/^Configuration file not found: /],
  },
  { name: "a configuration that is not JSON", config: "{", code: 2, log: [/parse error/] },
  {
    name: "a configuration without a leader",
    config: { ...joining, leader_url: undefined },
    code: 2,
    log: [/"leader_url" is missing/],
  },
  {
    name: "a bootstrap flag that is a text",
    config: { ...joining, bootstrap: "false" },
    code: 2,
    log: [/"bootstrap" must be true or false/],
  },
];

test.for(cases)(
  "$name",
  ({ layer = "chainfire", config, health = [], add = [], code, log, environment }) => {
    const file = join(directory, "cluster-config.json");
    if (config !== undefined)
      writeFileSync(file, typeof config === "string" ? config : JSON.stringify(config));
    writeFileSync(join(directory, "health"), `${health.join("\n")}\n`);
    writeFileSync(join(directory, "add"), `${add.join("\n")}\n`);
    const env = {
      PATH: `${directory}:${process.env["PATH"] ?? ""}`,
      DIRECTORY: directory,
      ...environment,
    };
    const run = spawnSync(script, [layer, file], { env, encoding: "utf8", timeout: 20_000 });
    const lines = run.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(run.stderr).toBe("");
    expect(lines.map(({ message }) => message)).toEqual(
      log.map((wanted) => (typeof wanted === "string" ? wanted : expect.stringMatching(wanted))),
    );
    expect(lines.map(({ level }) => level)).toEqual(
      log.map((_, index) => (code !== 0 && index === log.length - 1 ? "ERROR" : "INFO")),
    );
    expect(run.status).toBe(code);
  },
);

test("checks every certificate against the cluster's CA, the local one under the node's own name", () => {
  const file = join(directory, "cluster-config.json");
  writeFileSync(file, JSON.stringify(joining));
  writeFileSync(join(directory, "health"), `${waiting}\n${follower}\n`);
  writeFileSync(join(directory, "add"), `${added}\n`);
  const env = { PATH: `${directory}:${process.env["PATH"] ?? ""}`, DIRECTORY: directory };
  spawnSync(script, ["chainfire", file], { env });
  const calls = ["health-calls", "add-calls"].map((name) =>
    readFileSync(join(directory, name), "utf8"),
  );
  for (const call of calls.join("").trim().split("\n")) {
    expect(call).toContain(`--cacert ${directory}/ca-cert.pem`);
    expect(call).not.toMatch(/--insecure| -k /);
  }
  expect(calls[0]).toContain(
    "--connect-to node04.example.com:2379:127.0.0.1:2379 https://node04.example.com:2379/health",
  );
  expect(calls[1]).toContain('{"id":"node04","raft_addr":"10.0.200.20:2380"}');
});
