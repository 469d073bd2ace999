import { describe, expect, it } from "vitest";
import { type Selectable, selectNodes } from "../../src/inventory/select.ts";

const node = (name: string, role: Selectable["role"], powerGroup?: string): Selectable => ({
  name,
  fqdn: `${name}.example.com`,
  role,
  profile: role === "worker" ? "big" : "small",
  powerGroup,
});

const nodes: readonly Selectable[] = [
  { ...node("node01", "control-plane", "pdu-a"), rack: "r1", position: 3, labels: { zone: "a" } },
  { ...node("node02", "control-plane", "pdu-b"), rack: "r2", position: 21, labels: { zone: "b" } },
  node("node03", "worker", "pdu-a"),
  node("node10", "worker"),
  node("gpu1", "worker", "pdu-b"),
];

function names(selectors: readonly string[], except: readonly string[] = []) {
  const selection = selectNodes(nodes, selectors, except);
  return "nodes" in selection ? selection.nodes.map(({ name }) => name).join(" ") : selection;
}

describe("nodes are selected", () => {
  it.each<[string, string[], string[], string]>([
    ["by name", ["node02"], [], "node02"],
    ["by full name", ["node02.example.com"], [], "node02"],
    ["in the order they are named, each once", ["gpu1", "node01", "gpu1"], [], "gpu1 node01"],
    ["all", ["all"], [], "node01 node02 node03 node10 gpu1"],
    ["by a star", ["node0*"], [], "node01 node02 node03"],
    ["by a star across the full name", ["g*.com"], [], "gpu1"],
    ["by a question mark", ["node?0"], [], "node10"],
    ["by a range with leading zeros", ["node[01-03]"], [], "node01 node02 node03"],
    ["by a range without", ["gpu[1-1]"], [], "gpu1"],
    ["by a list in a range", ["node[01,03,10]"], [], "node01 node03 node10"],
    ["by two ranges", ["node[0-0][1-3]"], [], "node01 node02 node03"],
    ["by role", ["role=worker"], [], "node03 node10 gpu1"],
    ["by profile", ["profile=small"], [], "node01 node02"],
    ["by power group", ["group=pdu-b"], [], "node02 gpu1"],
    ["by rack", ["rack=r1"], [], "node01"],
    ["by rack unit", ["position=21"], [], "node02"],
    ["by rack units", ["position=1-10"], [], "node01"],
    ["by ranges of rack units", ["position=1-2,3-3,20-30"], [], "node01 node02"],
    ["by label", ["label.zone=b"], [], "node02"],
    ["by several at once", ["role=control-plane", "gpu*"], [], "node01 node02 gpu1"],
    ["without what follows a !", ["all", "!role=worker"], [], "node01 node02"],
    ["without what is excepted", ["all"], ["node0*", "gpu1"], "node10"],
  ])("%s", (_, selectors, except, expected) => {
    expect(names(selectors, except)).toBe(expected);
  });
});

const faults: [string, string[], string[], string, RegExp][] = [
  ["an unknown name", ["node1"], [], "no node is called node1", /^declared are: node01, .*gpu1$/],
  [
    "a gap in a range",
    ["node[02-04]"],
    [],
    "no node is called node04, which node[02-04] names",
    /node10/,
  ],
  ["a pattern nobody fits", ["rack*"], [], "no node's name fits rack*", /^declared are/],
  [
    "an unknown role",
    ["role=wroker"],
    [],
    "no node has role=wroker",
    /^there are: control-plane, worker$/,
  ],
  ["an unknown group", ["group=pdu-c"], [], "no node has group=pdu-c", /^there are: pdu-a, pdu-b$/],
  [
    "an unknown property",
    ["colour=red"],
    [],
    "nodes can't be selected by colour=",
    /role=, profile=, group=, rack=, position=, label.KEY=$/,
  ],
  [
    "a property that every object has",
    ["__proto__=x"],
    [],
    "nodes can't be selected by __proto__=",
    /role=/,
  ],
  [
    "a function that every object has",
    ["toString=x"],
    [],
    "nodes can't be selected by toString=",
    /role=/,
  ],
  ["an exclusion that leaves out nobody", ["all"], ["node1"], "no node is called node1", /node01/],
  [
    "nothing but exclusions",
    ["!node01"],
    [],
    "nothing says which nodes are meant",
    /node\[01-16\]/,
  ],
  ["nothing at all", [], [], "nothing says which nodes are meant", /all/],
  [
    "nobody left",
    ["node01", "!node0*"],
    ["node10"],
    "node01 !node0* --except node10 leaves no node",
    /fewer/,
  ],
  ["a range backwards", ["node[03-01]"], [], "node[03-01] is no range of names", /node\[01-16\]/],
  ["a range of letters", ["node[a-c]"], [], "node[a-c] is no range of names", /node\[01-04,07\]/],
  ["a bracket that stays open", ["node[01"], [], "node[01 is no range of names", /write it like/],
  [
    "a range without end",
    ["node[1-999999999]"],
    [],
    "node[1-999999999] is no range of names",
    /at most 4096/,
  ],
  [
    "ranges that multiply",
    ["n[1-99][1-99]"],
    [],
    "n[1-99][1-99] is no range of names",
    /at most 4096/,
  ],
];

describe("a selection that is no good says what there is", () => {
  it.each(faults)("%s", (_, selectors, except, problem, next) => {
    expect(names(selectors, except)).toEqual({ problem, next: expect.stringMatching(next) });
  });

  it("names twenty of a thousand", () => {
    const many = Array.from({ length: 1000 }, (_, index) => node(`n${index}`, "worker"));
    expect(selectNodes(many, ["x"])).toEqual({
      problem: "no node is called x",
      next: expect.stringMatching(/^declared are: n0, .*, n19 and 980 more$/),
    });
  });
});

it.each([
  [
    "position=10-1",
    "10-1 is no range of positions",
    "write it like position=1-10 or position=1-10,21",
  ],
  ["position=x", "x is no range of positions", "write it like position=1-10 or position=1-10,21"],
  ["position=1-2", "no node has position=1-2", "there are: 3, 21"],
  ["rack=r9", "no node has rack=r9", "there are: r1, r2"],
  ["label.zone=c", "no node has label.zone=c", "there are: a, b"],
  [
    "label.constructor=x",
    "no node has label.constructor=x",
    "no node has a label.constructor: set it under labels",
  ],
  [
    "zone=a",
    "nodes can't be selected by zone=",
    "use one of role=, profile=, group=, rack=, position=, label.KEY=",
  ],
])("%s says what there is", (selector, problem, next) => {
  expect(names([selector])).toEqual({ problem, next });
});
