// Drives a BMC through the ipmitool program over IPMI 2.0 (RMCP+). One command in flight per BMC.
// It doesn't retry, and it doesn't wait for a power change to happen: power.ts does.

import { execFile } from "node:child_process";
import type { Secret } from "../net/secret.ts";
import {
  type Bmc,
  BmcError,
  type BmcFailureKind,
  bmcError,
  type PowerState,
  unsent,
} from "./bmc.ts";
import { createQueue } from "./queue.ts";
import { refusing } from "./refusing.ts";

export interface IpmitoolSettings {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
  /** IPMI 2.0 table 22-20. 17 is SHA-256; 3 is for BMCs that know no better. */
  readonly cipherSuite: 3 | 17;
}

export interface ExecResult {
  /** Undefined when the program was ended by a signal. */
  readonly exitCode: number | undefined;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with exactly this environment. Rejects when it can't be started or the signal aborts. */
export type Exec = (
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
) => Promise<ExecResult>;

const commandTimeoutMs = 30_000;
const maxOutputBytes = 64 * 1024;

/**
 * A BMC that ipmitool speaks to. The password goes by environment, never by argv (which every user
 * of the server can read). Throws a BmcError whose message names BMC, user and remedy.
 */
export function createIpmitool(settings: IpmitoolSettings, exec: Exec = execIpmitool): Bmc {
  const queue = createQueue(`BMC ${settings.address}`);
  const run = (verb: readonly string[], tries: number, signal: AbortSignal | undefined) =>
    queue.add(() => runVerb(settings, exec, verb, tries, signal), signal);
  return {
    ...refusing(
      "unsupported",
      `BMC ${settings.address}`,
      "kind ipmitool has only power and boot device (kind ipmi or redfish has the rest)",
    ),
    powerState: async (signal) =>
      powerStateOf(settings, await run(["chassis", "power", "status"], 2, signal)),
    power: async (action, signal) => {
      // A retransmitted `cycle`, `reset` or `soft` can reach the machine twice, so it is sent once; the others are idempotent.
      const once = action !== "on" && action !== "off";
      await run(["chassis", "power", action], once ? 1 : 2, signal);
    },
    setBootOverride: async (wanted, signal) => {
      const { device, persistent, uefi } = wanted;
      const options = [...(persistent ? ["persistent"] : []), ...(uefi ? ["efiboot"] : [])];
      const argument = options.length === 0 ? [] : [`options=${options.join(",")}`];
      await run(["chassis", "bootdev", device, ...argument], 2, signal);
      return wanted;
    },
  };
}

async function runVerb(
  settings: IpmitoolSettings,
  exec: Exec,
  verb: readonly string[],
  tries: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { address, port, user, cipherSuite, password } = settings;
  // Without -C, ipmitool asks for the suites first and some BMCs let it wait ten seconds;
  // without -v, a wrong password and a dead BMC print the same line.
  const argv = ["ipmitool", "-v", "-I", "lanplus", "-C", `${cipherSuite}`, "-H", address];
  argv.push("-p", `${port}`, "-U", user, "-E", "-N", "2", "-R", `${tries}`, ...verb);
  const environment = { PATH: process.env["PATH"] ?? "", IPMI_PASSWORD: password.reveal() };
  const result = await start(exec, argv, environment, signal);
  if (result.exitCode === 0) return result.stdout;
  const output = `${result.stderr}\n${result.stdout}`;
  const { kind, said } = result.timedOut
    ? { kind: "timeout" as const, said: `no end after ${commandTimeoutMs / 1000} s` }
    : classifyIpmitoolFailure(output);
  const error = bmcError(
    kind,
    `BMC ${address}:${port}, user ${user}`,
    `"${verb.join(" ")}" failed (${said})`,
    new Error(`${argv.join(" ")}: exit ${result.exitCode}: ${output.trim().slice(-1000)}`),
  );
  // Without a session it had nothing to send the command in.
  throw /Unable to establish/i.test(output) ? unsent(error) : error;
}

async function start(
  exec: Exec,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<ExecResult> {
  try {
    return await exec(argv, environment, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new BmcError(
      missing ? "unsupported" : "protocol",
      missing
        ? "ipmitool is not on this server's PATH: install the Debian package ipmitool"
        : `ipmitool could not be run to its end: ${String(cause)}`,
      { cause },
    );
  }
}

// In this order: the last line of most failures is the same "Unable to establish" whatever the reason.
const failures: readonly (readonly [RegExp, BmcFailureKind])[] = [
  [
    /RAKP \d HMAC is invalid|RAKP \d message has invalid|RAKP 4 .*integrity check/i,
    "authentication",
  ],
  [/unauthorized (?:name|role|GUID)|Invalid role|Insufficient privilege/i, "authentication"],
  [/password is longer than|Set Session Privilege Level to \w+ failed/i, "authentication"],
  [/insufficient resources|Node busy|Out of space|no slot/i, "busy"],
  [/invalid (?:authentication|integrity|confidentiality) algorithm/i, "unsupported"],
  [/no matching cipher suite|Invalid command|Invalid data field|not supported/i, "unsupported"],
  [/no response from RAKP|Close Session command failed|: Timeout|Request timed out/i, "timeout"],
  [/Get Channel Authentication Capabilities|Get Auth Capabilities error/i, "unreachable"],
  [/Address lookup for .* failed|Could not open socket|Unable to establish/i, "unreachable"],
  [/Unable to (?:set|get) Chassis Power/i, "timeout"],
];

/** What an unsuccessful run of `ipmitool -v -I lanplus` means, and the line that says so. */
export function classifyIpmitoolFailure(output: string): { kind: BmcFailureKind; said: string } {
  // Discovery chatter of -v names privilege levels and codes on healthy BMCs as well.
  const chatter = /^(?:Loading IANA|Running Get|Get HPM|Discovered IPMB|Invalid completion code)/;
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !chatter.test(line));
  for (const [pattern, kind] of failures) {
    const said = lines.find((line) => pattern.test(line));
    if (said !== undefined) return { kind, said };
  }
  return { kind: "protocol", said: lines.at(-1) ?? "no output" };
}

function powerStateOf(settings: IpmitoolSettings, stdout: string): PowerState {
  const state = /Chassis Power is (on|off)/i.exec(stdout)?.[1]?.toLowerCase();
  if (state === "on" || state === "off") return state;
  throw bmcError(
    "protocol",
    `BMC ${settings.address}`,
    `no power state in "${stdout.trim().slice(0, 200)}"`,
  );
}

const execIpmitool: Exec = (argv, env, signal) =>
  new Promise((resolve, reject) => {
    const [file = "", ...args] = argv;
    const options = {
      env,
      timeout: commandTimeoutMs,
      killSignal: "SIGKILL" as const,
      maxBuffer: maxOutputBytes,
      ...(signal === undefined ? {} : { signal }),
    };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      // A text code is Node's own (ENOENT, ABORT_ERR …); a number is the program's exit code.
      if (error !== null && typeof error.code === "string") return reject(error);
      const exitCode = child.exitCode ?? undefined;
      resolve({ exitCode, timedOut: error?.killed ?? false, stdout, stderr });
    });
    child.stdin?.end();
  });
