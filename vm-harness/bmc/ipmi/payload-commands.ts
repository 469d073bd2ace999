// Commands that give the serial console to a session and take it back, and its settings (IPMI 2.0 §24, §26).

import { completionCodes as code, netFns } from "../../../src/bmc/ipmi/message.ts";
import { payloadTypes } from "../../../src/bmc/ipmi/packet.ts";
import { type Call, type Command, commandsOf, doubleWord, nothing, word } from "./command.ts";
import { type SolPort, solPacketLength } from "./sol-port.ts";

const app = commandsOf(netFns.app);
const transport = commandsOf(netFns.transport);

// Completion codes of §24.1, §24.2 and §26.3.
const alreadyActive = 0x80;
const alreadyInactive = 0x80;
const parameterNotSupported = 0x80;
const noVlan = 0xffff;

/** `port`: where the BMC is listening. `ended` hears of a session that another one took the console from. */
export function payloadCommands(
  sol: SolPort,
  port: number,
  ended: (sessionId: number) => void,
): readonly Command[] {
  const isSol = (data: Buffer) => (data.readUInt8(0) & 0x3f) === payloadTypes.sol;
  const activate = ({ data, caller }: Call) => {
    if (!isSol(data) || caller === undefined) return code.invalidDataField;
    if (sol.sessionId !== undefined) return alreadyActive;
    sol.activate(caller.sessionId);
    const sizes = [word(solPacketLength + 4), word(solPacketLength + 4)];
    return Buffer.concat([doubleWord(0), ...sizes, word(port), word(noVlan)]);
  };
  const deactivate = ({ data, caller }: Call) => {
    if (!isSol(data)) return code.invalidDataField;
    if (sol.sessionId === undefined) return alreadyInactive;
    if (sol.sessionId !== caller?.sessionId) ended(sol.sessionId);
    sol.deactivate();
    return nothing;
  };
  return [
    app(0x48, "user", 6, activate),
    app(0x49, "user", 2, deactivate),
    // Get Payload Activation Status: one instance there may be.
    app(0x4a, "user", 1, () => Buffer.of(1, sol.sessionId === undefined ? 0 : 1, 0)),
    app(0x4b, "user", 2, () => Buffer.concat([doubleWord(sol.sessionId ?? 0), Buffer.alloc(8)])),
    // Set and Get User Payload Access: everybody may have the console.
    app(0x4c, "administrator", 6, () => nothing),
    app(0x4d, "operator", 2, () => Buffer.of(0x02, 0, 0, 0)),
    // Get Channel Payload Support: IPMI and SOL, and those that open sessions. Get Channel Payload Version: 1.0.
    app(0x4e, "user", 1, () => Buffer.of(0x03, 0, 0x3f, 0, 0, 0, 0, 0)),
    app(0x4f, "user", 2, () => Buffer.of(0x10)),
    ...solConfiguration(port),
  ];
}

/** Set and Get SOL Configuration Parameters. They are kept and change nothing. */
function solConfiguration(port: number): readonly Command[] {
  const bitRate115200 = 0x0a;
  const values = new Map<number, Buffer>([
    [0, Buffer.of(0)],
    // Enabled; for users, encrypted; when to send; how often again.
    [1, Buffer.of(0x01)],
    [2, Buffer.of(0xc2)],
    [3, Buffer.of(0x0c, 0x60)],
    [4, Buffer.of(0x07, 0x32)],
    [5, Buffer.of(bitRate115200)],
    [6, Buffer.of(bitRate115200)],
    [7, Buffer.of(0x01)],
    [8, word(port)],
  ]);
  return [
    transport(0x21, "administrator", 3, ({ data }) => {
      const parameter = data.readUInt8(1);
      if (!values.has(parameter)) return parameterNotSupported;
      values.set(parameter, Buffer.from(data.subarray(2)));
      return nothing;
    }),
    transport(0x22, "user", 4, ({ data }) => {
      const value = values.get(data.readUInt8(1));
      return value === undefined ? parameterNotSupported : Buffer.concat([Buffer.of(0x11), value]);
    }),
  ];
}
