import { expect, test, vi } from "vitest";
import { type Bmc, BmcError, type BmcFailureKind } from "../../src/bmc/bmc.ts";
import { defaultLogins, loginsToTry } from "../../src/bmc/default-logins.ts";
import { type BmcProbe, type ProbeQuestions, probeBmc, warningsOf } from "../../src/bmc/probe.ts";
import { refusing } from "../../src/bmc/refusing.ts";
import { Secret } from "../../src/net/secret.ts";

const healthy = {
  ...{ ipmi20: true, needsBmcKey: false, anonymousLogin: false },
  ...{ nullUser: false, noneAccepted: false },
};

type Facts = Partial<Pick<BmcProbe, "ipmi" | "suites" | "opensWithoutPassword" | "defaults">>;

test.each<[string, Facts, boolean, readonly RegExp[]]>([
  ["nothing is wrong", { suites: [3, 17] }, false, []],
  ["it does not say its suites", {}, false, []],
  ["suite 0 is offered", { suites: [0, 17] }, false, [/0 is offered/]],
  [
    "suite 0 was tried and is refused",
    { suites: [0, 17], opensWithoutPassword: false },
    false,
    [/0 is offered/],
  ],
  ["suite 0 opens", { suites: [0, 17], opensWithoutPassword: true }, false, [/without a password/]],
  [
    "suite 0 opens and is not offered",
    { suites: [17], opensWithoutPassword: true },
    false,
    [/without a password/],
  ],
  ["it has no suite 17", { suites: [3] }, false, [/has not cipher suite 17/]],
  [
    "it lets everybody in",
    {
      ipmi: { ...healthy, anonymousLogin: true, nullUser: true, noneAccepted: true, ipmi20: false },
    },
    false,
    [/anonymous/, /without a name/, /type none/, /1\.5 only/],
  ],
  [
    "a well-known password works",
    {
      defaults: [
        { user: "ADMIN", works: true },
        { user: "root", works: false },
      ],
    },
    false,
    [/of user ADMIN works/],
  ],
  ["the inventory's own is one", {}, true, [/inventory's login is its maker's default/]],
])("warnings when %s", (_, facts, own, expected) => {
  const warnings = warningsOf({ ipmi: healthy, defaults: [], ...facts }, own);
  expect(warnings).toEqual(expected.map((text) => expect.stringMatching(text)));
});

test("tries the maker's login first, no user twice, and never our own", () => {
  const users = (maker: string | undefined, own: string) =>
    loginsToTry(maker, own, 3).map(({ user }) => user);
  expect(users("Dell Inc.", "admin")).toEqual(["root", "ADMIN", "USERID"]);
  expect(users(undefined, "ADMIN")).toEqual(["root", "USERID", "admin"]);
  expect(users("Supermicro", "ADMIN")).not.toContain("ADMIN");
  const all = loginsToTry(undefined, "", 100).map(({ user }) => user);
  expect(new Set(all).size).toBe(all.length);
  expect(defaultLogins.every(({ password }) => Buffer.byteLength(password) <= 20)).toBe(true);
});

function probe(over: Partial<ProbeQuestions> = {}, bmc: Partial<Bmc> = {}, tryDefaults = true) {
  const slept: number[] = [];
  const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
  const questions = {
    capabilities: vi.fn(async () => healthy),
    suites: vi.fn(async () => [3, 17]),
    opensWithoutPassword: vi.fn(async () => false),
    logsIn: vi.fn(async () => false),
    redfish: vi.fn(async () => undefined),
    ...over,
  };
  const driver: Bmc = {
    ...refusing("unsupported", "BMC", "it has no such thing"),
    describe: async () => ({ protocol: "IPMI 2.0", manufacturer: "Dell" }),
    powerState: async () => "on",
    ...bmc,
  };
  const target = { address: "10.0.10.50", user: "admin", password: new Secret("x"), bmc: driver };
  const { signal } = new AbortController();
  const found = probeBmc(target, questions, { tryDefaults, clock }, signal);
  return { found, slept, questions };
}

const refuse = (kind: BmcFailureKind) => async () => {
  throw new BmcError(kind, `it is ${kind}`);
};

test("waits between its tries, and makes three at most", async () => {
  const { found, slept, questions } = probe();
  expect((await found).defaults).toHaveLength(3);
  expect(questions.logsIn).toHaveBeenCalledTimes(3);
  expect(slept).toEqual([5000, 5000]);
});

test("stops trying when the BMC falls silent", async () => {
  const logsIn = vi.fn(refuse("unreachable"));
  expect((await probe({ logsIn }).found).defaults).toEqual([]);
  expect(logsIn).toHaveBeenCalledOnce();
});

test("tries no login that it was not asked to try", async () => {
  const { found, questions } = probe({}, {}, false);
  expect(await found).toMatchObject({ defaults: [], opensWithoutPassword: undefined });
  expect(questions.logsIn).not.toHaveBeenCalled();
  expect(questions.opensWithoutPassword).not.toHaveBeenCalled();
});

test("a BMC that says nothing is not reachable, and asked nothing more", async () => {
  const silent = { capabilities: async () => undefined };
  const { found, questions } = probe(silent, { describe: refuse("unreachable") });
  expect(await found).toMatchObject({
    ...{ reachable: false, verbs: [], defaults: [], warnings: [] },
    login: { user: "admin", works: false, reason: "it is unreachable" },
  });
  expect(questions.suites).not.toHaveBeenCalled();
});

test("a login that works for all but a description works", async () => {
  const { login, verbs } = await probe({}, { describe: refuse("unsupported") }).found;
  expect(login.works).toBe(true);
  expect(verbs).toContainEqual({ verb: "power", works: true });
  expect(verbs.find(({ verb }) => verb === "sensors")).toMatchObject({ works: false });
});
