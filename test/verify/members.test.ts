import { expect, test } from "vitest";
import type { Observation } from "../../src/cluster/judge.ts";
import { checkLeaders, checkMembers } from "../../src/verify/members.ts";
import { scopeOf } from "../../src/verify/scope.ts";
import { dead, looks, observation, scope, shown, site } from "./fake-probes.ts";

test("three voters that agree are ok on both layers, and who is left out is named", () => {
  expect(shown(checkMembers(scope()))).toEqual([
    "ok chainfire: 3 members, 3 voters: node01 leader, node02 follower, node03 follower",
    "ok flaredb: 3 members, 3 voters: node01 leader, node02 follower, node03 follower",
    "ok nodes: 3 looked at; neither installed nor a member, so left out: node04",
  ]);
});

test("a voter that does not answer is an error with the numbers", () => {
  expect(shown(checkMembers(scope(site(), { node03: dead })))[0]).toBe(
    "error chainfire: degraded (voters 3, healthy 2): node03 gives no full answer: 10.0.200.12:2379 refuses the connection",
  );
});

test("a cluster that is down is an error without numbers", () => {
  const down = { node01: dead, node02: dead, node03: dead };
  const [chainfire] = checkMembers(scope(site(), down));
  expect(chainfire).toMatchObject({
    level: "error",
    detail: expect.stringMatching(
      /^no-cluster: no machine answers as a member of a cluster; node01: /,
    ),
    next: "rackstrap cluster status shows what each member says",
  });
});

/** Everybody lists node03 in another way. */
function everywhere(change: (member: { id: string }) => object | undefined) {
  const changed = (name: string): Observation => {
    const seen = observation(name);
    const members = (seen.members ?? []).flatMap((member) => {
      const next = change(member);
      return next === undefined ? [] : [{ ...member, ...next }];
    });
    return { ...seen, members };
  };
  return { node01: changed("node01"), node02: changed("node02"), node03: changed("node03") };
}

test("a learner that catches up is a warning, for it will be promoted", () => {
  const seen = everywhere(({ id }) => (id === "node03" ? { role: "learner" } : {}));
  expect(shown(checkMembers(scope(site(), seen)))[0]).toBe(
    "warning chainfire: node03 is still a learner",
  );
});

test("an installed node that is no member is an error, and so is a member that nobody declared", () => {
  const without = everywhere(({ id }) => (id === "node03" ? undefined : {}));
  expect(shown(checkMembers(scope(site(), without)))[0]).toMatch(
    /^error .*node03 is not a member$/,
  );
  const stranger = everywhere(({ id }) => (id === "node03" ? { id: "old07" } : {}));
  expect(shown(checkMembers(scope(site(), stranger)))[0]).toMatch(
    /^error .*unknown follower old07 at 10.0.200.12:2380/,
  );
});

test("a node is expected only in the layers that it runs", () => {
  const inventory = site(["flaredb"]);
  expect(scope(inventory).views.map(({ expected }) => expected)).toEqual([
    [],
    ["node01", "node02", "node03"],
  ]);
});

test("a member that was installed by other means is looked at, too", () => {
  const { nodes } = scopeOf(site(), () => false, looks());
  expect(nodes.map(({ name }) => name)).toEqual(["node01", "node02", "node03"]);
});

test("a site of which nothing was installed is an error that says so", () => {
  const down = { node01: dead, node02: dead, node03: dead };
  const lines = checkMembers(scopeOf(site(), () => false, looks(down)));
  expect(shown(lines).at(-1)).toBe(
    "error nodes: none of 4 declared nodes was installed from here or is a member",
  );
});

test("with every declared node installed, nobody is left out", () => {
  const lines = checkMembers(scopeOf(site(), () => true, looks({ node04: observation("node04") })));
  expect(shown(lines).at(-1)).toBe("ok nodes: all 4 declared nodes are looked at");
});

test.each<[string, Readonly<Record<string, Observation>>, string]>([
  ["all agree", {}, "ok chainfire: node01, say node01, node02, node03 (term 7)"],
  [
    "one is silent",
    { node03: dead },
    "warning chainfire: node01, say node01, node02; no answer from node03",
  ],
  [
    "one says another",
    { node03: observation("node03", "node03") },
    "error chainfire: node01 says node01, node02 says node01, node03 says node03",
  ],
  [
    "one knows nobody",
    { node02: { ...observation("node02"), leader: { id: undefined, term: 8 } } },
    "error chainfire: node01 says node01, node02 says nobody, node03 says node01",
  ],
  [
    "nobody answers",
    { node01: dead, node02: dead, node03: dead },
    "error chainfire: no member says who leads",
  ],
])("of the leader, when %s, is told: %s", (_, seen, expected) => {
  const [line] = checkLeaders(scope(site(), seen));
  expect(line && shown([line])).toEqual([expected]);
  expect(line?.next === undefined).toBe(line?.level === "ok");
});

test("terms that differ by the time of the question are not told", () => {
  const later = { ...observation("node02"), leader: { id: "node01", term: 8 } };
  expect(shown(checkLeaders(scope(site(), { node02: later })))[0]).toBe(
    "ok chainfire: node01, say node01, node02, node03",
  );
});
