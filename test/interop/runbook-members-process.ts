// Asks members through a driver, or changes their cluster, from the namespace that it is started in: calls come in and answers
// go out as lines of JSON.

import { createInterface } from "node:readline";
import type { ClusterNode } from "../../src/cluster/driver.ts";
import { createDriver } from "../../src/cluster/drivers.ts";
import { judge } from "../../src/cluster/judge.ts";
import { observe } from "../../src/cluster/observe.ts";
import { clusterChanges } from "../../src/operations/cluster-changes.ts";
import { clock } from "../../src/serve/wall-clock.ts";

interface Start {
  readonly ca: string;
  readonly nodes: readonly ClusterNode[];
}

type Calls = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>;

function callsOf({ ca, nodes }: Start): Calls {
  const { signal } = new AbortController();
  const layer = "chainfire";
  const driver = createDriver(layer, {
    ca: () => ca,
    limits: { timeoutMs: 15_000, maxBodyBytes: 1e6 },
  });
  const look = async () => {
    const observations = await observe(driver, nodes, signal);
    return { observations, judgement: judge({ layer, observations }) };
  };
  const changes = clusterChanges({ look, driver: () => driver, nodes: () => nodes, clock });
  const node = (name: unknown): ClusterNode => {
    const found = nodes.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  return {
    view: async () => (await look()).judgement,
    health: async (name) => await driver.health(node(name), signal),
    status: async (name) => await driver.status(node(name), signal),
    put: async (name, key, value) =>
      await driver.putKey(node(name), String(key), String(value), signal),
    get: async (name, key) => await driver.getKey(node(name), String(key), signal),
    snapshot: async (name, file) => await driver.snapshot(node(name), String(file), signal),
    add: async (name) => await changes.addMember(layer, String(name), signal),
    remove: async (name) => await changes.removeMember(layer, String(name), signal),
    promote: async (name) => await changes.promote(layer, String(name), signal),
    /** From whoever leads. */
    transfer: async (to) => {
      const from = (await look()).judgement.leader ?? "nobody";
      return await changes.transferLeader(layer, { from, to: String(to) }, signal);
    },
  };
}

let calls: Calls | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  const [call = "", ...args] = JSON.parse(line) as [string, ...unknown[]];
  if (call === "start") calls = callsOf(args[0] as Start);
  const answer = call === "start" ? "started" : await calls?.[call]?.(...args);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
