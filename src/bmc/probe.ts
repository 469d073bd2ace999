// What a BMC is, how it lets people in, and what of it works: for a report, and for warnings. Nothing on it is changed.

import type { Secret } from "../net/secret.ts";
import { type Bmc, type BmcDescription, BmcError } from "./bmc.ts";
import type { Clock } from "./clock.ts";
import { type DefaultLogin, isDefaultLogin, loginsToTry } from "./default-logins.ts";
import type { AuthenticationCapabilities } from "./ipmi/channel.ts";
import type { RedfishRoot } from "./redfish-root.ts";

/** The questions that a probe asks. Those of IPMI give undefined when nothing answers. */
export interface ProbeQuestions {
  readonly capabilities: (signal: AbortSignal) => Promise<AuthenticationCapabilities | undefined>;
  /** Numbers of the cipher suites that are offered; undefined when the BMC does not say. */
  readonly suites: (signal: AbortSignal) => Promise<readonly number[] | undefined>;
  readonly opensWithoutPassword: (user: string, signal: AbortSignal) => Promise<boolean>;
  /** Whether that login is an administrator's. Throws a BmcError of another kind than "authentication" when that can't be told. */
  readonly logsIn: (login: DefaultLogin, signal: AbortSignal) => Promise<boolean>;
  readonly redfish: (signal: AbortSignal) => Promise<RedfishRoot | undefined>;
}

export interface ProbeTarget {
  readonly address: string;
  /** The login of the inventory, and its driver. */
  readonly user: string;
  readonly password: Secret | undefined;
  readonly bmc: Bmc;
}

export interface VerbReport {
  readonly verb: string;
  readonly works: boolean;
  /** Why it does not. */
  readonly reason?: string | undefined;
}

export interface BmcProbe {
  readonly address: string;
  readonly reachable: boolean;
  readonly ipmi?: AuthenticationCapabilities | undefined;
  readonly suites?: readonly number[] | undefined;
  /** Whether suite 0 opened a session; undefined when that was not tried. */
  readonly opensWithoutPassword?: boolean | undefined;
  readonly login: { readonly user: string; readonly works: boolean; readonly reason?: string };
  readonly description?: BmcDescription | undefined;
  readonly verbs: readonly VerbReport[];
  /** Users whose well-known passwords were tried, and whether they work. */
  readonly defaults: readonly { readonly user: string; readonly works: boolean }[];
  readonly redfish?: RedfishRoot | undefined;
  readonly warnings: readonly string[];
}

const mostTries = 3;
// Slower than the counters that lock a user, or the caller's address, out.
const betweenTriesMs = 5_000;

/** Never rejects but when the signal aborts: what can't be found out is absent, or said in `reason`. */
export async function probeBmc(
  target: ProbeTarget,
  questions: ProbeQuestions,
  options: { readonly tryDefaults: boolean; readonly clock: Clock },
  signal: AbortSignal,
): Promise<BmcProbe> {
  const { address, user, password, bmc } = target;
  const [ipmi, redfish] = await Promise.all([
    questions.capabilities(signal),
    questions.redfish(signal),
  ]);
  const suites = ipmi && (await questions.suites(signal));
  const { description, login } = await logIn(bmc, user, signal);
  const verbs = login.works ? await tryVerbs(bmc, signal) : [];
  const tried = options.tryDefaults && ipmi !== undefined;
  const found = {
    ...{ address, ipmi, suites, redfish, description, login, verbs },
    reachable: ipmi !== undefined || redfish !== undefined || login.works,
    opensWithoutPassword: tried ? await questions.opensWithoutPassword(user, signal) : undefined,
    defaults: tried
      ? await tryDefaults(questions, description?.manufacturer, user, options.clock, signal)
      : [],
  };
  const known = password !== undefined && isDefaultLogin(user, password.reveal());
  return { ...found, warnings: warningsOf(found, known) };
}

async function logIn(bmc: Bmc, user: string, signal: AbortSignal) {
  try {
    const description = await bmc.describe(signal);
    return { description, login: { user, works: true } };
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    // It is let in and only has no such words.
    const works = error.kind === "unsupported" && (await answers(bmc, signal));
    return { description: undefined, login: { user, works, reason: error.message } };
  }
}

async function answers(bmc: Bmc, signal: AbortSignal): Promise<boolean> {
  return (await report("power", () => bmc.powerState(signal))).works;
}

/** Those that only look. What would change something is not tried. */
async function tryVerbs(bmc: Bmc, signal: AbortSignal): Promise<readonly VerbReport[]> {
  const { virtualMedia } = bmc;
  const looks: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["power", () => bmc.powerState(signal)],
    ["boot override", () => bmc.bootOverride(signal)],
    ["sensors", () => bmc.sensors(signal)],
    ["events", () => bmc.events(signal)],
    ["firmware", () => bmc.firmwareVersions(signal)],
    ["console", async () => await (await bmc.openConsole({ takeOver: false }, signal)).close()],
    ...(virtualMedia === undefined
      ? []
      : ([["virtual media", () => virtualMedia.inserted(signal)]] as const)),
  ];
  const reports: VerbReport[] = [];
  for (const [verb, look] of looks) reports.push(await report(verb, look));
  return reports;
}

async function report(verb: string, look: () => Promise<unknown>): Promise<VerbReport> {
  try {
    await look();
    return { verb, works: true };
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    return { verb, works: false, reason: error.message };
  }
}

async function tryDefaults(
  { logsIn }: ProbeQuestions,
  maker: string | undefined,
  own: string,
  clock: Clock,
  signal: AbortSignal,
) {
  const results: { readonly user: string; readonly works: boolean }[] = [];
  for (const login of loginsToTry(maker, own, mostTries)) {
    if (results.length > 0) await clock.sleep(betweenTriesMs, signal);
    signal.throwIfAborted();
    try {
      results.push({ user: login.user, works: await logsIn(login, signal) });
    } catch (error) {
      // It does not answer any more, or has no session free: more tries would not help it.
      if (error instanceof BmcError) break;
      throw error;
    }
  }
  return results;
}

/** What a person should change. Pure. `ownIsDefault`: the inventory's login is one that everybody knows. */
export function warningsOf(
  probe: Pick<BmcProbe, "ipmi" | "suites" | "opensWithoutPassword" | "defaults">,
  ownIsDefault: boolean,
): readonly string[] {
  const { ipmi, suites, opensWithoutPassword, defaults } = probe;
  const zero = "cipher suite 0";
  const warnings: readonly (readonly [boolean | undefined, string])[] = [
    [opensWithoutPassword, `${zero} lets anybody in without a password: switch it off now`],
    [
      suites?.includes(0) === true && opensWithoutPassword !== true,
      `${zero} is offered (no password, no encryption): switch it off`,
    ],
    [ipmi?.anonymousLogin, "anonymous login is on: give user 1 a password, or disable it"],
    [ipmi?.nullUser, "a user without a name may log in: disable user 1"],
    [ipmi?.noneAccepted, "authentication type none is accepted: switch it off on the LAN channel"],
    [ipmi?.ipmi20 === false, "it speaks IPMI 1.5 only, which encrypts nothing"],
    [
      suites !== undefined && !suites.includes(17),
      "it has not cipher suite 17 (SHA-256): see whether newer firmware has",
    ],
    [ownIsDefault, "the inventory's login is its maker's default: change the password"],
    ...defaults.map(
      ({ user, works }) =>
        [works, `the well-known password of user ${user} works: change it`] as const,
    ),
  ];
  return warnings.filter(([applies]) => applies === true).map(([, text]) => text);
}
