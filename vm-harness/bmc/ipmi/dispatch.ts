// From the octets of a request to those of its response: finds the command, and sees to it that its caller may give it.

import {
  completionCodes as code,
  decodeRequest,
  encodeResponse,
  type IpmiRequest,
} from "../../../src/bmc/ipmi/message.ts";
import type { Faults } from "../faults.ts";
import {
  type Caller,
  type Commands,
  keyOf,
  levels,
  nothing,
  type Reply,
  wrongDataLength,
} from "./command.ts";

/** Gives the response to one request; undefined when it is none. `caller` is absent outside a session. */
export type Dispatch = (
  payload: Buffer,
  caller: Caller | undefined,
  now: number,
) => Buffer | undefined;

export function createDispatch(commands: Commands, faults: Faults): Dispatch {
  return (payload, caller, now) => {
    const request = decodeRequest(payload);
    if ("malformed" in request) return undefined;
    const reply = refusal(faults) ?? run(commands, request, caller, now);
    const [completion, data] = typeof reply === "number" ? [reply, nothing] : [code.ok, reply];
    return encodeResponse({ ...request, completion, data });
  };
}

function refusal(faults: Faults): number | undefined {
  if (faults.refusals <= 0) return undefined;
  faults.refusals -= 1;
  return faults.refusalCode;
}

function run(
  commands: Commands,
  request: IpmiRequest,
  caller: Caller | undefined,
  now: number,
): Reply {
  const entry = commands.get(keyOf(request));
  if (entry === undefined) return code.invalidCommand;
  if ((caller?.level ?? levels.none) < entry.level) return code.insufficientPrivilege;
  if (request.data.length < entry.least) return wrongDataLength;
  return entry.run({ data: request.data, now, caller });
}
