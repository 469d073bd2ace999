import { describe, expect, test } from "vitest";
import { BmcError } from "../../src/bmc/bmc.ts";
import {
  classifyIpmitoolFailure,
  createIpmitool,
  type Exec,
  type ExecResult,
} from "../../src/bmc/ipmitool.ts";
import { Secret } from "../../src/net/secret.ts";

const settings = {
  address: "10.0.10.50",
  port: 623,
  user: "admin",
  password: new Secret("canary-5Rk"),
  cipherSuite: 17,
} as const;

function scripted(result: Partial<ExecResult>) {
  const calls: { argv: readonly string[]; environment: Readonly<Record<string, string>> }[] = [];
  const exec: Exec = async (argv, environment) => {
    calls.push({ argv, environment });
    return { exitCode: 0, timedOut: false, stdout: "", stderr: "", ...result };
  };
  return { exec, calls };
}

const establish = "Error: Unable to establish IPMI v2 / RMCP+ session";

describe("what a failed ipmitool run means", () => {
  test.each([
    ["> RAKP 2 HMAC is invalid", "authentication"],
    ["RAKP 2 message indicates an error : unauthorized name", "authentication"],
    [
      "RAKP 2 message indicates an error : unauthorized role or privilege level requested",
      "authentication",
    ],
    ["lanplus: password is longer than 20 bytes.", "authentication"],
    ["Set Session Privilege Level to ADMINISTRATOR failed", "authentication"],
    ["Error in open session response message : insufficient resources for session", "busy"],
    ["Set Chassis Power Control to Up/On failed: Node busy", "busy"],
    ["Error in open session response message : invalid authentication algorithm", "unsupported"],
    ["Set Chassis Boot Parameter 5 failed: Invalid data field in request", "unsupported"],
    ["> Error: no response from RAKP 1 message", "timeout"],
    ["Get Auth Capabilities error", "unreachable"],
    ["Unable to get Chassis Power Status", "unreachable"],
    ["Address lookup for bmc.invalid failed", "unreachable"],
    ["", "unreachable"],
  ])("%s -> %s", (line, kind) => {
    const output = `Loading IANA PEN Registry...\n${line}\n${establish}`;
    expect(classifyIpmitoolFailure(output).kind).toBe(kind);
  });

  test.each(["Unable to set Chassis Power Control to Up/On", "Unable to get Chassis Power Status"])(
    "%s, in a session -> timeout",
    (line) => {
      expect(classifyIpmitoolFailure(line).kind).toBe("timeout");
    },
  );

  test.each([
    ["", true],
    [establish, false],
  ])("the command may be done unless there was no session: %s", async (line, sent) => {
    const { exec } = scripted({ exitCode: 1, stderr: `${line}\nno response from RAKP` });
    await expect(createIpmitool(settings, exec).power("reset")).rejects.toMatchObject({
      ...{ kind: "timeout", sent },
    });
  });

  test("the chatter of a healthy BMC under -v is not taken for the reason", () => {
    const output =
      "Get HPM.x Capabilities request failed, compcode = d4\nInvalid completion code received: Insufficient privilege level\nUnexpected";
    expect(classifyIpmitoolFailure(output)).toEqual({ kind: "protocol", said: "Unexpected" });
  });
});

test("the password is in the environment and nowhere in argv", async () => {
  const { exec, calls } = scripted({ stdout: "Chassis Power is on\n" });
  expect(await createIpmitool(settings, exec).powerState()).toBe("on");
  expect(calls[0]?.argv.join(" ")).toBe(
    "ipmitool -v -I lanplus -C 17 -H 10.0.10.50 -p 623 -U admin -E -N 2 -R 2 chassis power status",
  );
  expect(Object.keys(calls[0]?.environment ?? {})).toEqual(["PATH", "IPMI_PASSWORD"]);
  expect(calls[0]?.environment["IPMI_PASSWORD"]).toBe("canary-5Rk");
});

test.each([
  [true, "chassis bootdev pxe options=efiboot"],
  [false, "chassis bootdev pxe"],
])("network boot with uefi %s is asked for once, never for good", async (uefi, verb) => {
  const { exec, calls } = scripted({});
  await createIpmitool(settings, exec).setBootOverride({ device: "pxe", persistent: false, uefi });
  expect(calls[0]?.argv.join(" ").endsWith(`-R 2 ${verb}`)).toBe(true);
});

test("a power cycle and a press of the button are sent once, because a retransmission could do them twice", async () => {
  const { exec, calls } = scripted({});
  const bmc = createIpmitool(settings, exec);
  await bmc.power("cycle");
  await bmc.power("soft");
  await bmc.power("on");
  expect(calls.map(({ argv }) => argv.slice(-4).join(" "))).toEqual([
    "1 chassis power cycle",
    "1 chassis power soft",
    "2 chassis power on",
  ]);
});

test("a failure names BMC, user and remedy, and never the password", async () => {
  const { exec } = scripted({ exitCode: 1, stderr: `> RAKP 2 HMAC is invalid\n${establish}` });
  const error = await createIpmitool(settings, exec)
    .powerState()
    .catch((e: unknown) => e);
  if (!(error instanceof BmcError)) throw new Error("expected a BmcError");
  expect(error.kind).toBe("authentication");
  expect(error.message).toContain("BMC 10.0.10.50:623, user admin");
  expect(error.message).toContain("check user, password");
  expect(`${error.message}${String(error.cause)}`).not.toContain("canary-5Rk");
});

test("a killed run is a timeout", async () => {
  const { exec } = scripted({ exitCode: undefined, timedOut: true });
  await expect(createIpmitool(settings, exec).power("on")).rejects.toMatchObject({
    kind: "timeout",
  });
});

test("a success without a power state in it is a protocol error", async () => {
  const { exec } = scripted({ stdout: "Hello" });
  await expect(createIpmitool(settings, exec).powerState()).rejects.toMatchObject({
    kind: "protocol",
  });
});

test("a missing ipmitool names the Debian package", async () => {
  const exec: Exec = async () => {
    throw Object.assign(new Error("spawn ipmitool ENOENT"), { code: "ENOENT" });
  };
  await expect(createIpmitool(settings, exec).powerState()).rejects.toThrow(
    "install the Debian package ipmitool",
  );
});

test("one command is in flight per BMC, and a failed one doesn't stop the next", async () => {
  const order: string[] = [];
  const exec: Exec = async (argv) => {
    const verb = argv.at(-1) ?? "";
    order.push(`start ${verb}`);
    await Promise.resolve();
    order.push(`end ${verb}`);
    return { exitCode: verb === "on" ? 1 : 0, timedOut: false, stdout: "", stderr: establish };
  };
  const bmc = createIpmitool(settings, exec);
  await Promise.allSettled([bmc.power("on"), bmc.power("off"), bmc.power("cycle")]);
  expect(order).toEqual(["on", "off", "cycle"].flatMap((verb) => [`start ${verb}`, `end ${verb}`]));
});

test("the queue is bounded, and an aborted call in it never runs", async () => {
  const { exec, calls } = scripted({ stdout: "Chassis Power is off" });
  const bmc = createIpmitool(settings, exec);
  const asked = Array.from({ length: 15 }, () => bmc.powerState());
  const aborted = bmc.power("on", AbortSignal.abort());
  await expect(bmc.powerState()).rejects.toMatchObject({ kind: "busy" });
  await expect(aborted).rejects.toThrow("aborted");
  expect(await Promise.all(asked)).toHaveLength(15);
  expect(calls).toHaveLength(15);
});
