import { describe, expect, test } from "vitest";
import type { Layer } from "../../src/cluster/driver.ts";
import { judge, type Observation } from "../../src/cluster/judge.ts";
import {
  judgeRemoval,
  lifeSigns,
  memberTable,
  removalOrder,
} from "../../src/operations/removal.ts";

/** A layer of these machines; `+` is healthy, `-` silent, `?` answering and sick, `~` a learner. */
function layer(spec: string, named: Layer = "chainfire") {
  const machines = spec.split(" ").map((text) => ({ name: text.slice(1), sign: text[0] ?? "" }));
  const leader = machines.find(({ sign }) => sign === "+")?.name;
  const members = machines.map(({ name, sign }) => ({
    ...{ id: name, raftAddress: `${name}:2380`, status: sign === "-" ? "unreachable" : "healthy" },
    role: sign === "~" ? ("learner" as const) : ("follower" as const),
  }));
  const list = members.map((member) =>
    member.id === leader ? { ...member, role: "leader" as const } : member,
  );
  const observation = ({ name, sign }: (typeof machines)[number]): Observation =>
    sign === "-"
      ? { failure: "connection refused", silent: true }
      : {
          members: list,
          leader: { id: leader, term: 1 },
          health: {
            status: sign === "?" ? "degraded" : "healthy",
            raft: name === leader ? "leader" : sign === "~" ? "learner" : "follower",
            ...{ clusterSize: machines.length, chainfire: undefined },
          },
        };
  const observations = new Map(machines.map((machine) => [machine.name, observation(machine)]));
  return judge({ layer: named, observations });
}

test("FlareDB is left before Chainfire, whatever order the inventory has", () => {
  expect(removalOrder(["chainfire", "flaredb"])).toEqual(["flaredb", "chainfire"]);
  expect(removalOrder(["flaredb", "chainfire"])).toEqual(["flaredb", "chainfire"]);
  expect(removalOrder(["etcd"])).toEqual(["etcd"]);
});

describe("a removal", () => {
  test.each<[string, string, boolean, RegExp | undefined]>([
    ["of a dead voter of three", "+a +b -c", false, undefined],
    ["of a dead voter of five with another one dead", "+a +b +d -e -c", false, undefined],
    ["of a dead voter of five with two others dead", "+a +b -d -e -c", false, /2 < 3.*refused$/],
    ["of a living voter of three with another one dead", "+a -b +c", false, /1 < 2.*refused$/],
    ["of one of four with another one dead", "+a +b -d +c", false, /2 < 3.*refused$/],
    ["of one of two that live", "+a +c", false, /1 < 2.*refused$/],
    ["of one of two that live, typed", "+a +c", true, undefined],
    ["of the dead one of two, typed", "+a -c", true, /but nobody can commit it .*refused$/],
    ["of the only voter, typed", "+c", true, /0 < 1.*refused$/],
    ["of a learner", "+a +b ~c", false, undefined],
    ["of nobody's member", "+a +b +d", false, undefined],
    ["where nobody answers", "-a -b -c", true, /no member answers .*refused$/],
  ])("%s", (_what, spec, typed, refused) => {
    const { quorum, refusals } = judgeRemoval([layer(spec)], "c", typed);
    expect(quorum).toHaveLength(1);
    expect(refusals.map(({ reason }) => reason)).toEqual(
      refused === undefined ? [] : [expect.stringMatching(refused)],
    );
  });

  test("only one of two living voters is a matter of typing its name", () => {
    const liftedBy = (spec: string) =>
      judgeRemoval([layer(spec)], "c", false).refusals[0]?.liftedBy;
    expect(liftedBy("+a +c")).toEqual(["c"]);
    expect(liftedBy("+a -c")).toBeUndefined();
    expect(liftedBy("+a -b +c")).toBeUndefined();
  });
});

test("signs of life say where and as what a machine answers", () => {
  expect(lifeSigns([layer("+a +b -c"), layer("+a +b -c", "flaredb")], "c")).toEqual([]);
  expect(lifeSigns([layer("+a +b +c"), layer("+a +b -c", "flaredb")], "c")).toEqual([
    "healthy voter of chainfire",
  ]);
  // The others see it, though this server does not.
  const [seen] = [layer("+a +b -c")].map((view) => ({
    ...view,
    members: view.members.map((member) => ({ ...member, status: "healthy" })),
  }));
  expect(lifeSigns(seen === undefined ? [] : [seen], "c")).toEqual([
    "healthy in the member list of chainfire",
  ]);
  expect(lifeSigns([layer("+a +b ?c")], "c")).toEqual(["answering voter of chainfire"]);
  expect(lifeSigns([layer("+a +b ~c")], "c")).toEqual(["answering learner of chainfire"]);
  const stranger: Observation = { failure: "shows a certificate that the cluster CA did not sign" };
  const view = judge({ layer: "chainfire", observations: new Map([["c", stranger]]) });
  expect(lifeSigns([view], "c")).toEqual(["answering on the port of chainfire"]);
});

test("the table of members has all that a person decides by", () => {
  expect(memberTable(layer("+a -c"))).toEqual([
    "a leader healthy a:2380",
    "c follower unreachable c:2380",
  ]);
});
