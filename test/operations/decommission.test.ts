import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { createNetbootPolicy } from "../../src/boot/netboot-policy.ts";
import type { Mac } from "../../src/net/mac.ts";
import type { ShellAnswer } from "../../src/operations/node-shell.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { startOrder } from "../../src/operations/orders.ts";
import { createReloadHooks } from "../../src/serve/inventory-hooks.ts";
import { openInventory } from "../../src/serve/inventory-reload.ts";
import { inventoryFiles } from "../../src/serve/inventory-service.ts";
import { comesBack, type LivingRack, livingRack } from "../fakes/living-rack.ts";
import { votersOf } from "../fakes/raft.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const good = readFileSync("inventory/site.yaml", "utf8");
const all = ["node01", "node02", "node03", "node04"];
const node04 = "52:54:00:12:34:59" as Mac;
const order = { verb: "decommission", nodes: ["node04"] } as const;

/** The site in files: as it is, or with node04 in a file of its own and the cluster's peers named. `only`: what node04 runs. */
function site({ split = false, voters = all, only = "" } = {}) {
  const folder = temporaryDirectory();
  const file = join(folder, "site.yaml");
  const rackFile = join(folder, "racks", "r1.yaml");
  const settings = "timeouts: { soakSeconds: 9 }\npower: { softOffSeconds: 20 }";
  const brief = good.replace("nodes:\n", `${settings}\n\nnodes:\n`);
  const entry = brief.slice(brief.indexOf("  node04:"));
  mkdirSync(join(folder, "racks"));
  if (split) {
    const founder = entry.replace("profile: worker", "profile: control-plane");
    const peers = `name: prod-cluster\n  peers: [${all.join(", ")}] # who forms it`;
    const main = brief
      .slice(0, brief.indexOf("  node04:"))
      .replace("#include: [nodes/*.yaml]", "include: [racks/*.yaml]")
      .replace("name: prod-cluster", peers);
    writeFileSync(rackFile, `# Rack 1, row A.\nnodes:\n${founder}`);
    writeFileSync(file, main);
  } else writeFileSync(file, only === "" ? brief : `${brief}    services: [${only}]\n`);
  const reload = openInventory(file, () => 1_000_000);
  const rack: LivingRack = livingRack(voters, reload.inForce(), {
    inventory: reload.inForce,
    files: inventoryFiles(reload),
  });
  const { refusals } = createReloadHooks({
    store: rack.orders,
    cluster: rack.orders.cluster,
    powerJobs: { runningFor: () => undefined },
    dhcp: { setInventory: async () => undefined },
    controllers: { keep: () => undefined },
    consoles: { keep: async () => undefined },
    now: rack.clock.now,
    logger: pino({ level: "silent" }),
  } as unknown as Parameters<typeof createReloadHooks>[0]);
  reload.begin({ refusals, apply: async () => undefined, onRead: () => undefined });
  return { rack, reload, file, rackFile };
}

test("a living node leaves: drained, removed, switched off, out of the file, its machine refused", async () => {
  const { rack, reload, file } = site();
  const { status, steps } = await rack.carryOut(order);
  expect(status).toBe("done");
  expect(steps.map(({ id }) => id)).toEqual([
    "agree",
    ...["hand-over-node04", "stop-services-node04", "note-drained-node04"],
    ...["remove-flaredb", "remove-chainfire", "soak", "fence", "retire"],
  ]);
  expect(rack.machine("node04")).toMatchObject({ power: "off", disk: "installed", wipes: 0 });
  expect(votersOf(rack.raft, "chainfire")).toEqual(["node01", "node02", "node03"]);
  expect(rack.raft.violations).toEqual([]);
  expect(rack.tools.nodes.node("node04").state).toBe("retired");
  expect(reload.inForce().nodes.map(({ name }) => name)).toEqual(["node01", "node02", "node03"]);
  const text = readFileSync(file, "utf8");
  expect(text).toContain("# A path may name another disk after a reboot");
  expect(text).not.toContain("node04:");
  const policy = createNetbootPolicy({
    inventory: reload.inForce,
    ...{ httpPort: 8080, loaders: new Set<string>(), refusedLoaders: new Map() },
    now: () => 0,
  });
  expect(policy.refusal(node04)).toBe(
    `${node04} is retired: node04, worker, decommissioned 1970-01-01`,
  );
});

test("the draft shows the difference that the file will get, and changes nothing", async () => {
  const { rack, file } = site();
  const before = readFileSync(file, "utf8");
  const { notes, refusals, destroys } = await rack.draft(order);
  expect(refusals).toEqual([]);
  expect(destroys).toEqual(["the membership of node04; its disk is not touched"]);
  expect(notes).toContain("-  node04:");
  expect(notes.join("\n")).toMatch(
    /\+retired:\n\+ {2}"?52:54:00:12:34:59"?: "?node04, worker, decommissioned 1970-01-01"?$/,
  );
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("a node of an included file, named as a peer, leaves both files in one order that is sound throughout", async () => {
  const { rack, reload, file, rackFile } = site({ split: true });
  const { notes } = await rack.draft(order);
  expect(notes.filter((line) => line.startsWith("--- "))).toHaveLength(2);
  expect((await rack.carryOut(order)).status).toBe("done");
  expect(readFileSync(file, "utf8")).toMatch(
    /peers: \[ ?node01, node02, node03 ?\] # who forms it/,
  );
  expect(readFileSync(rackFile, "utf8")).toContain("# Rack 1, row A.");
  expect(reload.status().valid).toBe(true);
  expect(reload.inForce().retired[node04]).toMatch(/^node04, control-plane/);
});

test("a member that lives and never got into service has its services stopped before it is removed", async () => {
  const { rack } = site();
  rack.database.prepare("UPDATE nodes SET state = 'failed' WHERE name = 'node04'").run();
  const { status, steps } = await rack.carryOut(order);
  expect(status).toBe("done");
  expect(steps.map(({ id }) => id).slice(0, 3)).toEqual([
    ...["agree", "stop-services-node04", "remove-flaredb"],
  ]);
  expect(rack.tools.nodes.node("node04").state).toBe("retired");
});

test("a living node that runs no layer is drained as well, though no member knows it", async () => {
  const { rack } = site({ only: "plasmavmc" });
  rack.machine("node04").fault = "never-joins";
  for (const list of rack.raft.members.values()) list.delete("node04");
  expect((await rack.draft(order)).notes).not.toContain(
    "node node04 is not in service and is not drained",
  );
  const { status, steps } = await rack.carryOut(order);
  expect(status).toBe("done");
  expect(steps.map(({ id }) => id)).toContain("note-drained-node04");
  const gone = { ...order, options: { gone: ["node04"] } };
  const other = site({ only: "plasmavmc" }).rack;
  expect((await other.draft(gone)).notes).toContain(
    "node node04 is not in service and is not drained",
  );
});

test("one of two voters, typed, is removed before its services stop: the other could not commit it alone", async () => {
  const { rack } = site({ voters: ["node01", "node04"] });
  expect((await rack.draft(order)).refusals[0]?.next).toContain("--force node04");
  const { status, steps } = await rack.carryOut({ ...order, force: ["node04"] });
  expect(status).toBe("done");
  expect(steps.map(({ id }) => id)).toEqual([
    ...["agree", "hand-over-node04", "remove-flaredb", "remove-chainfire"],
    ...["stop-services-node04", "soak", "fence", "retire"],
  ]);
  expect(rack.raft.violations).toEqual([]);
});

/** What the node answers to being told over SSH to power off. */
function answersPowerOff(rack: LivingRack, answer: () => ShellAnswer): void {
  const { run } = rack.orders.shell;
  Object.assign(rack.orders.shell, {
    run: async (...args: Parameters<typeof run>) =>
      args[1].includes("systemctl poweroff") ? answer() : await run(...args),
  });
}

const heard: ShellAnswer = { ok: true, stdout: "" };
const noRoute: ShellAnswer = { ok: false, kind: "unreachable", why: "no route to host" };

describe("a node that can't be asked any more", () => {
  test("is not drained, and is removed, seen off by its BMC and retired", async () => {
    const { rack } = site();
    rack.machine("node04").fault = "dead";
    const { notes } = await rack.draft(order);
    expect(notes).toContain("node node04 is not in service and is not drained");
    const { status, steps } = await rack.carryOut(order);
    expect(status).toBe("done");
    expect(steps.map(({ id }) => id)).not.toContain("note-drained-node04");
    expect(rack.tools.nodes.node("node04").state).toBe("retired");
  });

  test("and comes back before its removal is not taken out undrained", async () => {
    const { rack } = site();
    rack.machine("node04").fault = "dead";
    comesBack(rack, "node04");
    const { failure } = await rack.carryOut(order);
    expect(failure).toMatchObject({
      stage: "remove-flaredb",
      next: "take it out of service first: rackstrap decommission node04 --execute",
    });
    expect(votersOf(rack.raft, "flaredb")).toContain("node04");
  });

  test("with a BMC that is away is powered off over SSH, and seen silent", async () => {
    const { rack } = site();
    rack.machine("node04").fault = "bmc-away";
    const { status, steps } = await rack.carryOut(order);
    expect(status).toBe("done");
    expect(steps.find(({ id }) => id === "fence")?.evidence).toMatchObject({
      told: true,
      seenBy: "it answers SSH no more",
    });
    expect(rack.machine("node04").power).toBe("off");
  });

  test("with a BMC that is away is given up when it does not shut down in power.softOffSeconds", async () => {
    const { rack } = site();
    answersPowerOff(rack, () => heard);
    rack.machine("node04").fault = "bmc-away";
    const { failure } = await rack.carryOut(order);
    expect(failure).toMatchObject({ stage: "fence" });
    // And the looks at BMC and SSH that would have shown it silent.
    expect(failure?.reason).toMatch(/^not done after 380 s: .*; told over SSH to power off$/);
  });

  test("that was told to power off before the operation stopped is told once more when it is resumed", async () => {
    const { rack } = site();
    const answers: ShellAnswer[] = [heard, { ok: false, kind: "command", why: "exit 1" }];
    answersPowerOff(rack, () => answers.shift() ?? noRoute);
    rack.machine("node04").fault = "bmc-away";
    const { id, failure: first } = await rack.carryOut(order);
    expect(first?.reason).toMatch(/over SSH: exit 1: it is not known to be off$/);
    rack.startRunner().reopen(id);
    const { failure } = await rack.settled();
    expect(failure?.reason).toMatch(/over SSH: no route to host: it is not known to be off$/);
  });

  test("neither by BMC nor SSH is never taken for off; resumed when its BMC is back", async () => {
    const { rack } = site();
    answersPowerOff(rack, () => noRoute);
    rack.machine("node04").fault = "bmc-away";
    const { id, failure } = await rack.carryOut(order);
    expect(failure).toMatchObject({ stage: "fence" });
    expect(failure?.reason).toMatch(/over SSH: no route to host: it is not known to be off$/);
    expect(failure?.next).toContain("rackstrap decommission node04 --gone node04");
    rack.machine("node04").fault = "none";
    rack.startRunner().reopen(id);
    expect((await rack.settled()).status).toBe("done");
  });
});

describe("the file", () => {
  test("may lose a node with an operation only to the operation that retires it, and at its end", async () => {
    const { rack, reload, file } = site();
    const text = readFileSync(file, "utf8");
    const without = text.slice(0, text.indexOf("  node04:"));
    const { removeMember } = rack.tools.cluster;
    const refused: (readonly string[])[] = [];
    Object.assign(rack.tools.cluster, {
      removeMember: async (...args: Parameters<typeof removeMember>) => {
        writeFileSync(file, without);
        const verdict = await reload.reload("files");
        refused.push(verdict.refused.map(({ reason }) => reason));
        writeFileSync(file, text);
        await reload.reload("files");
        return await removeMember(...args);
      },
    });
    expect((await rack.carryOut(order)).status).toBe("done");
    expect(refused[0]?.[0]).toMatch(/node04 can't be removed: the operation .* runs for it/);
  });

  test("that can't be edited by a program ends the operation with what to do, and it goes on after", async () => {
    const { rack, file } = site();
    const { removeMember } = rack.tools.cluster;
    const text = readFileSync(file, "utf8");
    const aliased = text
      .replace("    labels: { zone: a }", "    labels: &zone { zone: a }")
      .replace("  node03:\n", "  node03:\n    labels: *zone\n")
      // An alias has to follow its anchor.
      .replace(/ {2}node03:[\s\S]*?(?= {2}node04:)/, "");
    const node03 = /( {2}node03:[\s\S]*?)(?= {2}node04:)/.exec(text)?.[1] ?? "";
    const tangled = `${aliased}${node03.replace("node03:\n", "node03:\n    labels: *zone\n")}`;
    Object.assign(rack.tools.cluster, {
      removeMember: async (...args: Parameters<typeof removeMember>) => {
        writeFileSync(file, tangled);
        return await removeMember(...args);
      },
    });
    const { id, failure } = await rack.carryOut(order);
    expect(failure).toMatchObject({ stage: "retire" });
    expect(failure?.reason).toMatch(/the inventory can't be changed: .*site\.yaml: /);
    expect(failure?.next).toBe(`correct it, and go on: rackstrap operations resume ${id}`);
    writeFileSync(file, text);
    rack.startRunner().reopen(id);
    expect((await rack.settled()).status).toBe("done");
  });
});

test("is refused with the numbers while it would cost the quorum", async () => {
  const { rack } = site();
  rack.machine("node02").fault = "dead";
  rack.machine("node03").fault = "dead";
  const { refusals } = await rack.draft(order);
  expect(refusals[0]?.reason).toMatch(
    /^chainfire: voters 4, healthy without node04 1: .* refused$/,
  );
});

test("cut off after any write, it ends with the node gone, once, and the others never short of a quorum", {
  timeout: 60_000,
}, async () => {
  let cut = 0;
  for (let isCut = true; isCut && cut < 100; cut++) {
    const { rack, reload } = site({ split: true });
    const first = rack.startRunner(cut + 1);
    const { refusals } = await startOrder(rack.orders, first, { ...order, options: {}, force: [] });
    expect(refusals).toEqual([]);
    isCut = await rack.isCutOff();
    await first.close();
    if (isCut) rack.startRunner().resume();
    const ended: Operation = await rack.settled();
    expect([cut, ended.status, ended.failure]).toEqual([cut, "done", undefined]);
    expect(rack.raft.violations).toEqual([]);
    expect(rack.machine("node04").power).toBe("off");
    expect(rack.tools.nodes.node("node04").state).toBe("retired");
    expect(Object.keys(reload.inForce().retired)).toEqual([node04]);
    expect(reload.inForce().nodes).toHaveLength(3);
  }
  // Every step begins and ends with a write.
  expect(cut).toBeGreaterThan(15);
});
