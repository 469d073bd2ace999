// Every fault of the simulated BMC with every verb: each ends in success or in the right kind of error, and nothing is done twice.

import { describe, expect, test } from "vitest";
import type { Bmc, BmcFailureKind, PowerAction } from "../../../src/bmc/bmc.ts";
import { ensurePower } from "../../../src/bmc/power.ts";
import { Secret } from "../../../src/net/secret.ts";
import { noFaults, type RedfishFaults } from "../../../vm-harness/bmc/redfish-faults.ts";
import { type Simulated, simulate } from "./simulated.ts";

interface Verb {
  readonly name: string;
  /** `read` changes nothing, `again` may be repeated, `once` may not. */
  readonly kind: "read" | "again" | "once";
  /** Whether it changes a resource with PATCH. */
  readonly patches?: boolean;
  readonly action?: PowerAction;
  run(bmc: Bmc): Promise<unknown>;
}

const image = "http://10.0.10.1/recovery.iso";
const pxe = { device: "pxe", persistent: false, uefi: true } as const;
const power = (action: PowerAction, kind: Verb["kind"]): Verb => ({
  name: action,
  kind,
  action,
  run: (bmc) => bmc.power(action),
});

const verbs: readonly Verb[] = [
  { name: "powerState", kind: "read", run: (bmc) => bmc.powerState() },
  power("on", "again"),
  power("off", "again"),
  power("soft", "once"),
  power("cycle", "once"),
  power("reset", "once"),
  { name: "bootOverride", kind: "read", run: (bmc) => bmc.bootOverride() },
  {
    name: "setBootOverride",
    kind: "again",
    patches: true,
    run: (bmc) => bmc.setBootOverride(pxe),
  },
  { name: "identify", kind: "again", patches: true, run: (bmc) => bmc.identify(0) },
  { name: "describe", kind: "read", run: (bmc) => bmc.describe() },
  { name: "sensors", kind: "read", run: (bmc) => bmc.sensors() },
  { name: "events", kind: "read", run: (bmc) => bmc.events() },
  { name: "clearEvents", kind: "again", run: (bmc) => bmc.clearEvents() },
  {
    name: "setPassword",
    kind: "once",
    patches: true,
    run: (bmc) => bmc.setPassword(new Secret("a-longer-one")),
  },
  { name: "firmwareVersions", kind: "read", run: (bmc) => bmc.firmwareVersions() },
  { name: "insert", kind: "once", run: async (bmc) => bmc.virtualMedia?.insert(image) },
  { name: "eject", kind: "read", run: async (bmc) => bmc.virtualMedia?.eject() },
  { name: "inserted", kind: "read", run: async (bmc) => bmc.virtualMedia?.inserted() },
];

type End = "done" | BmcFailureKind;

interface Knob {
  readonly name: string;
  readonly set: Partial<RedfishFaults>;
  /** How verbs of each kind end. */
  readonly ends: Readonly<Record<Verb["kind"], End>>;
  /** Of a verb that fails: whether its action was done all the same. */
  readonly doneAnyway?: boolean;
  /** Verbs that change no resource with PATCH are not met by it. */
  readonly patchOnly?: boolean;
}

const all = (end: End) => ({ read: end, again: end, once: end });
// What a verb writes, and not its log-in.
const writes = /^(?:POST|PATCH) (?!.*\/Sessions$)/;
const onceLost = { read: "done", again: "done", once: "timeout" } as const;
const ever = 999;

const knobs: readonly Knob[] = [
  { name: "one connection is cut", set: { dropBefore: 1 }, ends: all("done") },
  { name: "every connection is cut", set: { dropBefore: ever }, ends: all("unreachable") },
  {
    name: "the writing is cut off before it is done",
    set: { only: writes, dropBefore: 1 },
    ends: onceLost,
  },
  {
    name: "the writing is done and its answer lost",
    set: { only: writes, dropAfter: 1 },
    ends: onceLost,
    doneAnyway: true,
  },
  { name: "it is silent once", set: { silent: 1 }, ends: all("done") },
  { name: "it is silent", set: { silent: ever }, ends: all("timeout") },
  { name: "it is silent to one writing", set: { only: writes, silent: 1 }, ends: onceLost },
  {
    name: "it is silent to all writing",
    set: { only: writes, silent: ever },
    ends: { read: "done", again: "timeout", once: "timeout" },
  },
  { name: "it is slow", set: { delayMs: 20 }, ends: all("done") },
  { name: "it is busy twice", set: { unavailable: 2 }, ends: all("done") },
  {
    name: "it is busy at the writing",
    set: { only: writes, unavailable: 1 },
    ends: { read: "done", again: "done", once: "busy" },
  },
  { name: "it is busy", set: { unavailable: ever }, ends: all("busy") },
  {
    name: "it is busy for an hour",
    set: { unavailable: 1, retryAfterSeconds: 3600 },
    ends: all("busy"),
  },
  { name: "its session table is full", set: { sessionsFull: true }, ends: all("busy") },
  {
    name: "it forgot the session before the writing",
    set: { only: writes, forgetSessions: 1 },
    ends: all("done"),
  },
  {
    name: "it refuses a session that it keeps, once",
    set: { only: writes, refusals: 1 },
    ends: all("done"),
  },
  {
    name: "it refuses all writing of sessions that it keeps",
    set: { only: writes, refusals: ever },
    ends: { read: "done", again: "authentication", once: "authentication" },
  },
  {
    name: "it forgets each session at once",
    set: { forgetSessions: ever },
    ends: all("authentication"),
  },
  { name: "it restarts at a reading", set: { only: /GET .*\/1$/, restarts: 1 }, ends: all("done") },
  { name: "it restarts at the writing", set: { only: writes, restarts: 1 }, ends: onceLost },
  { name: "it answers with a web page", set: { notJson: 1 }, ends: all("protocol") },
  {
    name: "the ETag changed in between",
    set: { staleEtags: 1 },
    ends: all("done"),
    patchOnly: true,
  },
  {
    name: "the ETag changes at each reading",
    set: { staleEtags: ever },
    ends: { read: "done", again: "busy", once: "busy" },
    patchOnly: true,
  },
];

async function prepare(verb: Verb): Promise<Simulated> {
  const simulated = await simulate();
  if (verb.action !== undefined && verb.action !== "on") await simulated.machine.act("on");
  return simulated;
}

async function endOf(call: Promise<unknown>): Promise<End> {
  return await call.then(
    () => "done" as const,
    (error: { kind: BmcFailureKind }) => error.kind,
  );
}

describe.each(knobs)("$name", ({ set, ends, doneAnyway = false, patchOnly = false }) => {
  test.each(verbs)("$name", async (verb) => {
    const { bmc, machine, server, clock, close } = await prepare(verb);
    const before = machine.actions.length;
    Object.assign(server.faults, set);
    const end = await endOf(verb.run(bmc));
    const wanted = patchOnly && verb.patches !== true ? "done" : ends[verb.kind];
    expect(end).toBe(wanted);
    const isDone = wanted === "done" || doneAnyway;
    const actions = verb.action !== undefined && isDone ? [verb.action] : [];
    expect(machine.actions.slice(before)).toEqual(actions);
    // Well again, it takes its session back.
    Object.assign(server.faults, noFaults());
    clock.pass(10_000);
    await close();
    expect(server.sessions()).toBe(0);
  });
});

test("a machine in the wanted state counts as switched, whatever its BMC says to it", async () => {
  const { bmc, machine, server, close } = await simulate();
  await machine.act("on");
  Object.assign(server.faults, { only: /Reset$/, unavailable: 1 });
  await bmc.power("on");
  expect(machine.actions).toEqual(["on"]);
  await close();
});

test("a boot override that is not kept is unsupported, by its read-back", async () => {
  const { bmc, server, close } = await simulate();
  server.faults.forgetBoot = true;
  await expect(bmc.setBootOverride(pxe)).rejects.toMatchObject({
    kind: "unsupported",
    message: expect.stringContaining("it was told to boot from pxe, keeps none"),
  });
  await close();
});

test("a reset that is taken and not done is found out by looking", async () => {
  const { bmc, machine, server, clock, close } = await simulate();
  server.faults.ignoreReset = true;
  const options = { subject: "node01", deadlineMs: 40_000, clock };
  await expect(ensurePower(bmc, "on", options, new AbortController().signal)).rejects.toMatchObject(
    { kind: "timeout" },
  );
  expect(machine.actions).toEqual([]);
  await close();
});

test("a BMC that says the old power state for ten seconds is asked once", async () => {
  const { bmc, machine, server, clock, close } = await simulate();
  server.faults.lieAboutPowerMs = 10_000;
  const options = { subject: "node01", deadlineMs: 40_000, clock };
  await ensurePower(bmc, "on", options, new AbortController().signal);
  expect(machine.actions).toEqual(["on"]);
  await close();
});

test("a verb ends at its limit, however long the BMC can be waited for", async () => {
  const limits = { connectMs: 5_000, requestMs: 120_000, verbMs: 60_000 };
  const { bmc, server, close } = await simulate("plain", { options: { limits } });
  server.faults.silent = 1;
  await expect(bmc.powerState()).rejects.toMatchObject({
    kind: "timeout",
    message: expect.stringContaining("not done after 60 s"),
  });
  await close();
});

test("an abort ends a call with its own reason", async () => {
  const { bmc, close } = await simulate();
  const reason = new Error("no longer wanted");
  const aborting = new AbortController();
  const call = bmc.powerState(aborting.signal);
  aborting.abort(reason);
  await expect(call).rejects.toBe(reason);
  await close();
});
