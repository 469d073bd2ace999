import { expect, test } from "vitest";
import type { AreaReport } from "../../src/verify/line.ts";
import type { Probes } from "../../src/verify/probes.ts";
import { type VerifyOptions, verify } from "../../src/verify/verify.ts";
import { dead, looks, never, probes, shown, site, wasInstalled } from "./fake-probes.ts";

const all: VerifyOptions = { skipSmoke: false, bandwidth: false };

async function run(wells: Probes, options: Partial<VerifyOptions> = {}, signal = never) {
  const reports: AreaReport[] = [];
  const at = { inventory: site(), wasInstalled };
  for await (const report of verify(at, wells, { ...all, ...options }, signal))
    reports.push(report);
  return reports;
}

const areasOf = (reports: readonly AreaReport[]) => reports.map(({ area }) => area);

test("every area is reported, in the order of the runbook", async () => {
  expect(areasOf(await run(probes()))).toEqual([
    ...["services", "members", "leader", "certificates", "links", "kv", "smoke"],
  ]);
});

test("one area can be asked for alone", async () => {
  expect(areasOf(await run(probes(), { only: "leader" }))).toEqual(["leader"]);
});

test("nothing is written when that is asked for", async () => {
  const refuse = async () => Promise.reject(new Error("was asked to write"));
  const reports = await run(probes({ putKey: refuse, roundTrip: refuse }), { skipSmoke: true });
  expect(areasOf(reports)).toEqual(["services", "members", "leader", "certificates", "links"]);
});

test("the members are asked once for the whole report", async () => {
  let asked = 0;
  await run(
    probes({
      observe: async () => {
        asked++;
        return looks();
      },
    }),
  );
  expect(asked).toBe(1);
});

test("what writes waits for all that looks, so that nothing else is busy while it is timed", async () => {
  const order: string[] = [];
  const slow = Promise.withResolvers<void>();
  const wells = probes();
  const going = run({
    ...wells,
    handshake: async (...given) => {
      await slow.promise;
      order.push("looked");
      return await wells.handshake(...given);
    },
    roundTrip: async (...given) => {
      order.push("wrote");
      return await wells.roundTrip(...given);
    },
  });
  slow.resolve();
  await going;
  expect(order.indexOf("wrote")).toBe(order.lastIndexOf("looked") + 1);
});

test("a check that breaks is a line of its own, and the others go on", async () => {
  const handshake = () => {
    throw new Error("out of memory");
  };
  const reports = await run(probes({ handshake }));
  expect(reports).toHaveLength(7);
  expect(shown(reports[3]?.lines ?? [])).toEqual([
    "error certificates: could not be checked: out of memory",
  ]);
});

test("bandwidth is measured only when it is asked for", async () => {
  const commands: string[] = [];
  const shell: Probes["shell"] = {
    run: async (_node, _command, { input = "" }) => {
      commands.push(input);
      return { ok: false, kind: "command", why: "exit code 4" };
    },
  };
  const used = () => commands.splice(0).some((input) => input.includes("iperf3"));
  await run(probes({ shell }), { only: "links" });
  expect(used()).toBe(false);
  await run(probes({ shell }), { only: "links", bandwidth: true });
  expect(used()).toBe(true);
});

test("of a cluster that is down every area says so, with a remedy in each error", async () => {
  const down = { node01: dead, node02: dead, node03: dead };
  const reports = await run(
    probes({
      observe: async () => looks(down),
      ask: async () => ({ kind: "failed", why: "10.0.200.10:2379 did not answer within 5000 ms" }),
      handshake: async () => ({ kind: "silent", why: "10.0.200.10:2379 did not answer" }),
    }),
  );
  const lines = reports.flatMap((report) => report.lines);
  expect(new Set(lines.filter(({ level }) => level === "error").map(({ area }) => area)).size).toBe(
    7,
  );
  expect(lines.filter(({ level, next }) => level !== "ok" && !next)).toEqual([]);
});

test("of a site where no node was installed no area is well", async () => {
  const nothing = { node01: dead, node02: dead, node03: dead };
  const wells = probes({ observe: async () => looks(nothing) });
  const at = { inventory: site(), wasInstalled: () => false };
  for await (const { area, lines } of verify(at, wells, all, never)) {
    expect([area, lines.some(({ level }) => level === "error")]).toEqual([area, true]);
    if (area !== "members") expect(lines.filter(({ level }) => level === "ok")).toEqual([]);
  }
});

test("a report that nobody waits for any more writes nothing", async () => {
  const gone = new AbortController();
  const refuse = async () => Promise.reject(new Error("was asked to write"));
  const wells = probes({ putKey: refuse, roundTrip: refuse });
  const reports = verify({ inventory: site(), wasInstalled }, wells, all, gone.signal);
  const seen: string[] = [];
  await expect(async () => {
    for await (const { area } of reports) {
      seen.push(area);
      if (area === "links") gone.abort();
    }
  }).rejects.toThrow(/abort/i);
  expect(seen.at(-1)).toBe("links");
});
