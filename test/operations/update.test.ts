import { expect, test } from "vitest";
import { failure } from "../../src/cluster/client.ts";
import { turnOrder } from "../../src/operations/budget.ts";
import type { NodeShell } from "../../src/operations/node-shell.ts";
import { crash, systemPath } from "../fakes/node-system.ts";
import type { FakeRack } from "../fakes/rack.ts";
import { rackRunner } from "../fakes/rack-runner.ts";
import { founders, livingRack, settled } from "../fakes/serving-rack.ts";

/** The same, with a second system in the flake for each founder, and the most nodes that were out at one time. */
async function updatable() {
  const living = await livingRack();
  const { rack } = living;
  for (const name of founders) rack.flake.set(name, "2");
  let mostOut = 0;
  const asked: string[] = [];
  watchShell(rack, async (run, node, command, options, signal) => {
    asked.push(`${node.name} ${command}`);
    const answer = await run(node, command, options, signal);
    const out = [...rack.machines.values()].filter(({ stopped }) => stopped.size > 0);
    mostOut = Math.max(mostOut, out.length);
    return answer;
  });
  return { ...living, asked, mostOut: () => mostOut };
}

type Run = NodeShell["run"];

function watchShell(
  { tools }: FakeRack,
  watch: (run: Run, ...said: Parameters<Run>) => ReturnType<Run>,
): void {
  const { run } = tools.shell;
  Object.assign(tools.shell, {
    run: async (...said: Parameters<Run>) => await watch(run, ...said),
  });
}

function systemOf({ machines }: FakeRack, name: string) {
  const system = machines.get(name)?.system;
  if (system === undefined) throw new Error(`no machine ${name}`);
  return system;
}

function expectUpdated(rack: FakeRack, name: string) {
  const path = systemPath(name, "2");
  const { generations, lasting, running, activations } = systemOf(rack, name);
  expect({ name, lasting, running, activations }).toEqual({
    ...{ name, lasting: 2, running: path },
    activations: [`test ${path}`, `switch ${path}`],
  });
  expect(generations.map((each) => each.path)).toEqual([systemPath(name, "1"), path]);
}

function expectUntouched(rack: FakeRack, name: string) {
  const { generations, lasting, running, activations } = systemOf(rack, name);
  expect({ name, generations: generations.length, lasting, running, activations }).toEqual({
    ...{ name, generations: 1, lasting: 1, running: systemPath(name, "1"), activations: [] },
  });
}

const failedOnNode02 = {
  kind: "update",
  status: "failed",
  failure: {
    stage: "watch-node02",
    reason: expect.stringMatching(
      /^not done after 130 s: unhealthy.*node02.*; node node02 is back on generation 1 \(\/nix\/store\/\S+-node02-1\) and healthy; not touched: node03, node01$/,
    ),
    next: "correct the configuration of node node02, then: rackstrap update node02 node03 node01",
  },
};

test("the draft shows the order of turns, the leader last, and the sum of each taking, and changes nothing", async () => {
  const { draft, rack } = await updatable();
  const drafted = await draft("update", founders);
  expect(drafted.refusals).toEqual([]);
  expect(drafted.drafted[0]).toMatchObject({
    node: "prod-cluster",
    nodes: ["node02", "node03", "node01"],
    parameters: { reboot: false },
  });
  expect(drafted.quorum).toHaveLength(6);
  expect(drafted.drafted[0]?.steps.map(({ id }) => id)).toEqual([
    ...["build-node02", "build-node03", "build-node01"],
    ...["node02", "node03", "node01"].flatMap((name) =>
      ["copy", "take", "hand-over", "test", "watch", "switch", "soak"].map(
        (step) => `${step}-${name}`,
      ),
    ),
  ]);
  for (const name of founders) expectUntouched(rack, name);
});

test("nodes that lead more layers have their turn later, the others stay as they were named", () => {
  const views = [{ leader: "node02" }, { leader: "node01" }, { leader: "node01" }];
  const names = ["node03", "node01", "node02", "node04"];
  expect(turnOrder(views as unknown as Parameters<typeof turnOrder>[0], names)).toEqual([
    ...["node03", "node04", "node02", "node01"],
  ]);
});

test("three nodes are updated one after the other, each tried first, and never two are out", async () => {
  const { order, rack, mostOut, asked } = await updatable();
  expect((await order("update", founders)).refusals).toEqual([]);
  expect(await settled(rack)).toMatchObject({ kind: "update", status: "done" });
  for (const name of founders) expectUpdated(rack, name);
  expect(mostOut()).toBe(1);
  const begun = asked
    .filter((line) => line.includes("systemd-run"))
    .map((line) => line.slice(0, 6));
  expect(begun).toEqual(["node02", "node02", "node03", "node03", "node01", "node01"]);
  // Handed over before the leader's own turn.
  expect(rack.lead.get("chainfire")).toBe("node02");
});

test("a node that is not well on its new system is back on its old one, and those after it are not touched", async () => {
  const { order, rack, mostOut } = await updatable();
  systemOf(rack, "node02").broken.add(systemPath("node02", "2"));
  await order("update", ["node02", "node03", "node01"]);
  expect(await settled(rack)).toMatchObject(failedOnNode02);
  const { lasting, running, generations, activations } = systemOf(rack, "node02");
  expect({ lasting, running, generations: generations.length }).toEqual({
    ...{ lasting: 1, running: systemPath("node02", "1"), generations: 1 },
  });
  expect(activations).toEqual([
    `test ${systemPath("node02", "2")}`,
    `switch ${systemPath("node02", "1")}`,
  ]);
  for (const name of ["node01", "node03"]) expectUntouched(rack, name);
  expect(mostOut()).toBe(1);
  expect(rack.tools.nodes.node("node02").state).toBe("active");
});

test("an activation that fails is told with its exit code and last words, and undone", async () => {
  const { order, rack } = await updatable();
  systemOf(rack, "node02").failing.add(systemPath("node02", "2"));
  await order("update", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.failure?.stage).toBe("test-node02");
  expect(operation?.failure?.reason).toContain(
    "switch-to-configuration test ended with exit code 4: Failed to start iam.service; node node02 is back on generation 1",
  );
  expect(systemOf(rack, "node02").running).toBe(systemPath("node02", "1"));
});

test("a node that falls ill once its system is lasting has its old generation back as the lasting one", async () => {
  const { order, rack } = await updatable();
  const system = systemOf(rack, "node02");
  watchShell(rack, async (run, node, command, ...rest) => {
    const answer = await run(node, command, ...rest);
    if (command.includes("systemd-run") && command.endsWith(" switch"))
      system.broken.add(systemPath("node02", "2"));
    return answer;
  });
  await order("update", ["node02"]);
  expect((await settled(rack))?.failure).toMatchObject({ stage: "soak-node02" });
  expect(system).toMatchObject({ lasting: 1, running: systemPath("node02", "1") });
  // The tried system stays in the list, and is not what the node starts with.
  expect(system.generations).toHaveLength(2);
});

test("a build that fails stops the update before any node is touched", async () => {
  const { order, rack } = await updatable();
  const { build } = rack.tools.closures;
  Object.assign(rack.tools.closures, {
    build: async (...said: Parameters<typeof build>) =>
      said[0].name === "node03"
        ? { ok: false, why: "nix build: exit code 1: error: syntax error" }
        : await build(...said),
  });
  await order("update", founders);
  expect((await settled(rack))?.failure).toMatchObject({
    stage: "build-node03",
    reason: "nix build: exit code 1: error: syntax error: nothing was changed",
  });
  for (const name of founders) expectUntouched(rack, name);
});

test("a node whose build is what it runs is passed over, and says so", async () => {
  const { order, rack } = await updatable();
  rack.flake.set("node02", "1");
  await order("update", ["node02", "node03"]);
  const operation = await settled(rack);
  expect(operation?.status).toBe("done");
  expectUntouched(rack, "node02");
  expectUpdated(rack, "node03");
  const evidence = (id: string) => operation?.steps.find((step) => step.id === id)?.evidence;
  expect(evidence("copy-node02")).toMatchObject({
    summary: "its build is the system that it runs",
  });
  expect(evidence("test-node02")).toEqual({ skipped: "it runs this system already" });
});

test("with one node down the update of another is refused with the numbers", async () => {
  const { draft, rack } = await updatable();
  rack.machines.get("node03")?.stopped.add("chainfire");
  const { refusals } = await draft("update", ["node02"]);
  expect(refusals.map(({ reason }) => reason)).toEqual([
    "chainfire: voters 3, healthy 2, taking node02 leaves 1 < 2: refused",
    "flaredb: voters 3, healthy 2, taking node02 leaves 1 < 2: refused",
  ]);
});

test("a node that falls while another has its turn is waited for, and nothing of the next is touched", async () => {
  const { order, rack } = await updatable();
  watchShell(rack, async (run, node, command, ...rest) => {
    if (command.includes("switch-to-configuration") && node.name === "node02")
      rack.machines.get("node01")?.stopped.add("etcd");
    return await run(node, command, ...rest);
  });
  await order("update", ["node02", "node03"]);
  const operation = await settled(rack);
  expect(operation?.status).toBe("failed");
  expectUntouched(rack, "node03");
});

test("a cluster whose leader commits nothing is not updated, though its members call themselves healthy", async () => {
  const { order, rack } = await updatable();
  Object.assign(rack.tools.cluster, { roundTrip: async () => failure("no write is taken") });
  await order("update", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.failure).toMatchObject({ stage: "take-node02" });
  expect(operation?.failure?.reason).toContain("no write is taken");
  expectUntouched(rack, "node02");
});

test("a node that is well is not taken back while the cluster has no majority without it", async () => {
  const { order, rack } = await updatable();
  watchShell(rack, async (run, node, command, ...rest) => {
    const answer = await run(node, command, ...rest);
    if (command.includes("switch-to-configuration") && node.name === "node02")
      rack.machines.get("node01")?.stopped.add("etcd");
    return answer;
  });
  await order("update", ["node02", "node03"]);
  const operation = await settled(rack);
  expect(operation?.failure?.reason).toMatch(
    /needs it as it is: voters 3, healthy 2, taking node02 leaves 1 < 2: refused/,
  );
  expect(systemOf(rack, "node02").activations).toEqual([`test ${systemPath("node02", "2")}`]);
});

test("a node that runs what no generation has is not touched: there would be no way back", async () => {
  const { order, rack } = await updatable();
  systemOf(rack, "node02").running = systemPath("node02", "tried-by-hand");
  await order("update", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.failure?.stage).toBe("take-node02");
  expect(operation?.failure?.reason).toContain("starts with generation 1");
  expect(systemOf(rack, "node02").activations).toEqual([]);
});

test("with --reboot a node with a new kernel is drained, restarted and put back, and one without is not", async () => {
  const { order, rack, mostOut } = await updatable();
  systemOf(rack, "node02").newKernel.add(systemPath("node02", "2"));
  await order("update", ["node02", "node03"], { reboot: true });
  expect(await settled(rack)).toMatchObject({ status: "done" });
  expect(systemOf(rack, "node02")).toMatchObject({ boots: 2, booted: systemPath("node02", "2") });
  expect(systemOf(rack, "node03").boots).toBe(1);
  expect(rack.tools.nodes.node("node02").state).toBe("active");
  expect(mostOut()).toBe(1);
});

/** From its first activation on the node answers no command. */
function silenceOnActivation(rack: FakeRack, name: string, then: () => void = () => undefined) {
  let silent = false;
  watchShell(rack, async (run, node, command, ...rest) => {
    if (node.name !== name || !silent) {
      const answer = await run(node, command, ...rest);
      if (node.name === name && command.startsWith("systemd-run")) {
        silent = true;
        then();
      }
      return answer;
    }
    return { ok: false, kind: "unreachable", why: "no route to host" };
  });
}

test("a node that can't be brought back is said not to be, with what to do at its console", async () => {
  const { order, rack } = await updatable();
  silenceOnActivation(rack, "node02");
  await order("update", ["node02", "node03"]);
  const { failure } = (await settled(rack)) ?? {};
  expect(failure?.stage).toBe("test-node02");
  expect(failure?.reason).toMatch(
    /^not done after 720 s: no route to host; node node02 is NOT back on generation 1 \(\S+\): no route to host; not touched: node03$/,
  );
  expect(failure?.next).toContain("rackstrap console node02");
  expectUntouched(rack, "node03");
});

test("cancelled, and out of reach, a node leaves an event that it was not put back", async () => {
  const { order, rack, runner } = await updatable();
  let id = "";
  silenceOnActivation(rack, "node02", () => runner.cancel(id));
  const { drafted } = await order("update", ["node02"]);
  id = drafted[0]?.id ?? "";
  const { status, failure } = (await settled(rack)) ?? {};
  expect(status).toBe("cancelled");
  expect(failure?.reason).toMatch(
    /^cancelled on request; not all was undone: node node02 is NOT back on generation 1 \(\S+\): no route to host$/,
  );
  const events = rack.tools.nodes.events({ node: "node02", limit: 100 });
  expect(events.find(({ kind }) => kind === "not-put-back")?.detail).toEqual({
    ...{ operation: id, generation: 1, why: "no route to host" },
  });
});

test("cancelled in the middle of a turn, the node has its old system again", async () => {
  const { order, rack, runner } = await updatable();
  let id = "";
  watchShell(rack, async (run, node, command, ...rest) => {
    const answer = await run(node, command, ...rest);
    if (command.includes("nix-env -p") && command.includes("--set")) runner.cancel(id);
    return answer;
  });
  const { drafted } = await order("update", ["node02", "node03"]);
  id = drafted[0]?.id ?? "";
  expect(await settled(rack)).toMatchObject({ status: "cancelled" });
  expect(systemOf(rack, "node02")).toMatchObject({
    ...{ lasting: 1, running: systemPath("node02", "1") },
  });
  expectUntouched(rack, "node03");
});

test("cancelled on the way back, the node has its old system again all the same", async () => {
  const { order, rack, runner } = await updatable();
  let id = "";
  systemOf(rack, "node02").broken.add(systemPath("node02", "2"));
  let isCancelled = false;
  watchShell(rack, async (run, node, command, ...rest) => {
    const isWayBack = command.includes(`rackstrap-${id}-back.service`);
    if (id === "" || !isWayBack || isCancelled) return await run(node, command, ...rest);
    isCancelled = true;
    runner.cancel(id);
    return { ok: false, kind: "unreachable", why: "cancelled" };
  });
  const { drafted } = await order("update", ["node02", "node03"]);
  id = drafted[0]?.id ?? "";
  expect(await settled(rack)).toMatchObject({ status: "cancelled" });
  expect(isCancelled).toBe(true);
  expect(systemOf(rack, "node02")).toMatchObject({
    ...{ lasting: 1, running: systemPath("node02", "1") },
  });
  expectUntouched(rack, "node03");
});

/** At the restart of node02, which comes while it is drained. */
function whenRestarted(rack: FakeRack, then: () => void) {
  watchShell(rack, async (run, node, command, ...rest) => {
    const answer = await run(node, command, ...rest);
    if (command === "systemctl --no-block reboot") then();
    return answer;
  });
}

test("a node that is not well after its restart is back with the other kernel, and what is left to do is said", async () => {
  const { order, rack } = await updatable();
  const system = systemOf(rack, "node02");
  const next = systemPath("node02", "2");
  system.newKernel.add(next);
  whenRestarted(rack, () => {
    system.broken.add(next);
    rack.machines.get("node02")?.stopped.add("chainfire");
  });
  await order("update", ["node02"], { reboot: true });
  const { failure } = (await settled(rack)) ?? {};
  expect(failure?.stage).toBe("reboot-voter-node02");
  expect(failure?.reason).toMatch(
    /back on generation 1 .* and healthy, with another kernel until its next restart/,
  );
  expect(failure?.next).toMatch(/^put it back into service: rackstrap undrain node02 --execute; /);
});

test("cancelled while it is out of service, the node's timeline says how it gets back", async () => {
  const { order, rack, runner } = await updatable();
  systemOf(rack, "node02").newKernel.add(systemPath("node02", "2"));
  let id = "";
  whenRestarted(rack, () => runner.cancel(id));
  const { drafted } = await order("update", ["node02"], { reboot: true });
  id = drafted[0]?.id ?? "";
  expect(await settled(rack)).toMatchObject({ status: "cancelled" });
  const events = rack.tools.nodes.events({ node: "node02", limit: 100 });
  expect(events.find(({ kind }) => kind === "left-out-of-service")?.detail).toEqual({
    ...{ operation: id, next: "put it back into service: rackstrap undrain node02 --execute" },
  });
});

/** node02 crashes, once, after the first command on it for which that holds. */
function crashAfter(rack: FakeRack, isTime: (command: string) => boolean) {
  const machine = rack.machines.get("node02");
  let isOver = false;
  watchShell(rack, async (run, node, command, ...rest) => {
    const answer = await run(node, command, ...rest);
    if (isOver || machine === undefined || node.name !== "node02" || !isTime(command))
      return answer;
    isOver = true;
    crash(machine.system, machine.stopped);
    return answer;
  });
}

const isLook = (command: string) => command.startsWith("cd /nix/var/nix/profiles");

test("a node that its new system crashed is back on its old one by itself, which does not pass for the new one", async () => {
  const { order, rack } = await updatable();
  const system = systemOf(rack, "node02");
  crashAfter(rack, () => system.running === systemPath("node02", "2"));
  await order("update", ["node02", "node03"]);
  const { failure } = (await settled(rack)) ?? {};
  expect(failure?.stage).toBe("watch-node02");
  expect(failure?.reason).toMatch(
    /^node node02 runs \S+-node02-1 and not \S+-node02-2: it restarted meanwhile, or another system was activated there; node node02 is back on generation 1/,
  );
  expect(system).toMatchObject({ lasting: 1, running: systemPath("node02", "1") });
  expect(system.generations).toHaveLength(1);
  expectUntouched(rack, "node03");
});

test("a node that crashes in the middle of an activation is not given the same again", async () => {
  const { order, rack } = await updatable();
  const system = systemOf(rack, "node02");
  crashAfter(rack, (command) => command.startsWith("systemd-run"));
  await order("update", ["node02", "node03"]);
  const { failure } = (await settled(rack)) ?? {};
  expect(failure?.stage).toBe("test-node02");
  expect(failure?.reason).toMatch(
    /^node node02 restarted before \S+-node02-2\/bin\/switch-to-configuration test had ended; node node02 is back on generation 1/,
  );
  expect(system.activations).toEqual([
    `test ${systemPath("node02", "2")}`,
    `switch ${systemPath("node02", "1")}`,
  ]);
  expectUntouched(rack, "node03");
});

test("a system that crashed its node after it was seen well there is not made the newest generation", async () => {
  const { order, rack } = await updatable();
  const system = systemOf(rack, "node02");
  crashAfter(rack, (command) => isLook(command) && system.running === systemPath("node02", "2"));
  await order("update", ["node02"]);
  expect((await settled(rack))?.failure?.stage).toBe("switch-node02");
  expect(system.generations).toHaveLength(1);
});

test("a node that can't be asked for a moment what it runs is asked again", async () => {
  const { order, rack } = await updatable();
  const system = systemOf(rack, "node02");
  let silences = 3;
  watchShell(rack, async (run, node, command, ...rest) => {
    if (!isLook(command) || system.running !== systemPath("node02", "2") || silences === 0)
      return await run(node, command, ...rest);
    silences -= 1;
    return { ok: false, kind: "unreachable", why: "no route to host" };
  });
  await order("update", ["node02"]);
  expect(await settled(rack)).toMatchObject({ status: "done" });
  expect(silences).toBe(0);
  expectUpdated(rack, "node02");
});

test("a node whose boot loader chose another generation is told, and goes back", async () => {
  const { order, rack } = await updatable();
  const system = systemOf(rack, "node02");
  system.newKernel.add(systemPath("node02", "2"));
  const [first] = system.generations.map(({ path }) => path);
  whenRestarted(rack, () => Object.assign(system, { running: first, booted: first }));
  await order("update", ["node02"], { reboot: true });
  const { failure } = (await settled(rack)) ?? {};
  expect(failure?.stage).toBe("reboot-restart-node02");
  expect(failure?.reason).toMatch(
    /^node node02 started with \S+-node02-1 and not with \S+-node02-2; node node02 is back on generation 1 /,
  );
  expect(system).toMatchObject({ lasting: 1, running: first });
});

/** Runs the order with the server killed after its nth command on a node; whether there was an nth. */
async function withCrash(nth: number, fault: boolean) {
  const { order, rack, runner, mostOut } = await updatable();
  if (fault) systemOf(rack, "node02").broken.add(systemPath("node02", "2"));
  let count = 0;
  const crashed = Promise.withResolvers<void>();
  watchShell(rack, async (run, ...said) => {
    const answer = await run(...said);
    count += 1;
    if (count === nth) crashed.resolve(runner.close());
    return answer;
  });
  await order("update", ["node02", "node03"]);
  await Promise.race([crashed.promise, settled(rack)]);
  if (count < nth) return undefined;
  await crashed.promise;
  rackRunner(rack).resume();
  return { rack, operation: await settled(rack), mostOut: mostOut() };
}

test("killed after any command on a node, the server takes the update up and ends it as if nothing had been", async () => {
  let nth = 1;
  for (; nth < 200; nth++) {
    const ended = await withCrash(nth, false);
    if (ended === undefined) break;
    expect({ nth, status: ended.operation?.status }).toEqual({ nth, status: "done" });
    for (const name of ["node02", "node03"]) expectUpdated(ended.rack, name);
    expect(ended.mostOut).toBe(1);
  }
  expect(nth).toBeGreaterThan(20);
});

test("killed after any command while a node goes back, the server sees it back all the same", async () => {
  let nth = 1;
  for (; nth < 400; nth++) {
    const ended = await withCrash(nth, true);
    if (ended === undefined) break;
    expect({ nth, status: ended.operation?.status }).toEqual({ nth, status: "failed" });
    const { lasting, running } = systemOf(ended.rack, "node02");
    expect({ nth, lasting, running }).toEqual({
      nth,
      lasting: 1,
      running: systemPath("node02", "1"),
    });
    expectUntouched(ended.rack, "node03");
  }
  expect(nth).toBeGreaterThan(10);
});
