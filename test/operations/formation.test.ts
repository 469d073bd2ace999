import { describe, expect, it } from "vitest";
import { type Judgement, judge } from "../../src/cluster/judge.ts";
import { formationOf } from "../../src/operations/formation.ts";
import { inventoryWith } from "../generate/site.ts";

const inventory = inventoryWith();
const nobody: Judgement = judge({ layer: "chainfire", observations: new Map() });

function living(changes: Partial<Judgement> = {}): Judgement {
  return {
    ...nobody,
    verdict: "healthy",
    voters: ["node01", "node02", "node03"],
    healthyVoters: ["node01", "node02", "node03"],
    leader: "node02",
    ...changes,
  };
}

function formation(given: {
  readonly views?: readonly Judgement[];
  readonly claim?: { readonly node?: string; readonly initialisedAtMs?: number };
  readonly installed?: readonly string[];
}) {
  const { views = [nobody], claim, installed = [] } = given;
  return formationOf({
    ...{ inventory, views },
    claim: claim && {
      ...{ cluster: "prod-cluster", node: claim.node, claimedAtMs: 1 },
      initialisedAtMs: claim.initialisedAtMs,
    },
    wasInstalled: (node) => installed.includes(node),
  });
}

const full = (...names: readonly string[]) => names.map((name) => `${name}.example.com`);

describe("a cluster", () => {
  it("was never formed where nobody answers and nobody was told to", () => {
    expect(formation({})).toEqual({ state: "unformed", founder: undefined });
  });

  it("is to be formed by the node that has the claim", () => {
    expect(formation({ claim: { node: "node03" } })).toEqual({
      state: "unformed",
      founder: "node03.example.com",
    });
  });

  it("was never formed where nothing was written to the node that was to form it", () => {
    expect(formation({ claim: { node: "node09" } })).toEqual({
      state: "unformed",
      founder: undefined,
    });
  });

  it("exists where any layer has a member, and is joined through its leader first", () => {
    expect(formation({ views: [nobody, living({ layer: "flaredb" })] })).toEqual({
      state: "formed",
      through: full("node02", "node01", "node03"),
    });
  });

  it("exists once it was seen, also while nobody answers", () => {
    expect(formation({ claim: { node: "node02", initialisedAtMs: 5 } })).toEqual({
      state: "formed",
      through: full("node02", "node01", "node03"),
    });
  });

  it("exists once it was seen, also when nobody knows who formed it", () => {
    expect(formation({ claim: { initialisedAtMs: 5 } })).toEqual({
      state: "formed",
      through: full("node01", "node02", "node03"),
    });
  });
});

describe("nobody can say whether a cluster exists", () => {
  it.each<[string, Parameters<typeof formation>[0], RegExp]>([
    [
      "while a machine answers that is not understood",
      { views: [{ ...nobody, doubtful: ["node02"] }] },
      /^node02 answers on the ports of chainfire and is not understood/,
    ],
    [
      "while a node that was installed for it is silent",
      { installed: ["node02"], claim: { node: "node01" } },
      /^node node02 was installed to be in cluster prod-cluster and no member answers yet/,
    ],
    [
      "where a node was installed to form it that is not declared any more",
      { claim: { node: "node09" }, installed: ["node09"] },
      /^node09 was installed to form cluster prod-cluster and is not among its peers any more/,
    ],
    [
      "while its members name no leader",
      { views: [living({ leader: undefined })] },
      /^cluster prod-cluster answers, and its members name no leader/,
    ],
    [
      "where all its voters are strangers",
      { views: [living({ leader: "other", healthyVoters: ["other"] })] },
      /name no leader of this inventory$/,
    ],
    [
      "where there are two of them",
      { views: [living({ disagreement: { kind: "two-clusters", detail: "node01 | node02" } })] },
      /^chainfire: node01 \| node02$/,
    ],
  ])("%s", (_what, given, reason) => {
    expect(formation(given)).toEqual({
      state: "unknown",
      reason: expect.stringMatching(reason),
      next: "look at the cluster: rackstrap cluster status",
    });
  });
});
