// What a BMC's refusals mean to a caller: RMCP+ status codes and completion codes as kinds of BmcError.

import type { BmcFailureKind } from "../bmc.ts";
import { completionCodes as code, type IpmiResponse } from "./message.ts";
import { rakpStatus as status } from "./rakp.ts";

export interface Failure {
  readonly kind: BmcFailureKind;
  readonly said: string;
}

const statuses = new Map<number, Failure>([
  [status.insufficientResources, { kind: "busy", said: "no free session" }],
  [status.insufficientResourcesForRole, { kind: "busy", said: "no free session for this role" }],
  [status.invalidSessionId, { kind: "timeout", said: "it forgot the session that it was opening" }],
  [
    status.inactiveSessionId,
    { kind: "timeout", said: "it forgot the session that it was opening" },
  ],
  [status.invalidAuthentication, { kind: "unsupported", said: "it has not this authentication" }],
  [status.invalidIntegrity, { kind: "unsupported", said: "it has not this integrity algorithm" }],
  [status.invalidConfidentiality, { kind: "unsupported", said: "it has not this encryption" }],
  [status.noCipherSuiteMatch, { kind: "unsupported", said: "it has not this cipher suite" }],
  [status.invalidRole, { kind: "authentication", said: "this user is no administrator" }],
  [status.unauthorizedRole, { kind: "authentication", said: "this user is no administrator" }],
  [status.unauthorizedName, { kind: "authentication", said: "it knows no such user" }],
  [status.invalidIntegrityCheck, { kind: "authentication", said: "wrong password" }],
]);

/** What an RMCP+ status code other than 0 means (IPMI 2.0 table 13-15). */
export function failureOfStatus(value: number): Failure {
  const known = statuses.get(value);
  return known ?? { kind: "protocol", said: `RMCP+ status ${hex(value)}` };
}

const completions = new Map<number, Failure>([
  [code.nodeBusy, { kind: "busy", said: "it is at work" }],
  [code.invalidCommand, { kind: "unsupported", said: "it does not know this command" }],
  [code.timeout, { kind: "timeout", said: "it gave up on the command itself" }],
  [code.outOfSpace, { kind: "busy", said: "it is out of space" }],
  [code.invalidReservation, { kind: "busy", said: "somebody else is reading the same list" }],
  [code.parameterOutOfRange, { kind: "unsupported", said: "it does not know this value" }],
  [code.notPresent, { kind: "unsupported", said: "it has no such sensor, record or device" }],
  [code.invalidDataField, { kind: "unsupported", said: "it does not know this value" }],
  [code.insufficientPrivilege, { kind: "authentication", said: "this user is no administrator" }],
  [code.notInThisState, { kind: "unsupported", said: "not in the state it is in" }],
]);

/** What a completion code other than 0 means (IPMI 2.0 table 5-2). */
export function failureOfCompletion({ completion, netFn, command }: IpmiResponse): Failure {
  const { kind, said } = completions.get(completion) ?? {
    kind: "protocol" as const,
    said: "it refused",
  };
  return { kind, said: `${said} (command ${hex(netFn)} ${hex(command)}: code ${hex(completion)})` };
}

function hex(value: number): string {
  return `${value.toString(16).padStart(2, "0")}h`;
}
