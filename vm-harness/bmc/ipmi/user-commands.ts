// The users of a simulated BMC: names, passwords and what they may do (IPMI 2.0 §22.26 to §22.30).

import { completionCodes as code, netFns } from "../../../src/bmc/ipmi/message.ts";
import type { SimulatedUser } from "../machine.ts";
import { type Call, type Command, commandsOf, levels, nothing, type Reply } from "./command.ts";

const app = commandsOf(netFns.app);
const lastUserId = 10;
const nameLength = 16;
// Set User Password, test operation (§22.30).
const wrongPassword = 0x80;
const wrongPasswordSize = 0x81;

/** Machines have administrators and those who may look: every level below administrator is kept as "user". */
export function userCommands(users: SimulatedUser[]): readonly Command[] {
  // Those whose password was set as one of 20 octets though it is short enough for 16.
  const longOnes = new Set<SimulatedUser>();
  const find = (id: number) => users.find((user) => user.id === id);
  /** The user in that slot; an empty one is filled. */
  const slot = (id: number): SimulatedUser => {
    const user = find(id) ?? { id, name: "", password: "", administrator: false, enabled: false };
    if (find(id) === undefined) users.push(user);
    return user;
  };
  /** `position`: where in the data the user's id is. */
  const ofUser =
    (position: number, answer: (id: number, data: Buffer) => Reply) =>
    ({ data }: Call): Reply => {
      const id = data.readUInt8(position) & 0x3f;
      return id === 0 || id > lastUserId ? code.invalidDataField : answer(id, data);
    };
  const setAccess = ofUser(1, (id, data) => {
    slot(id).administrator = (data.readUInt8(2) & 0x0f) === levels.administrator;
    return nothing;
  });
  const setName = ofUser(0, (id, data) => {
    slot(id).name = textOf(data.subarray(1, 1 + nameLength));
    return nothing;
  });
  const getName = ofUser(0, (id) => {
    const name = Buffer.alloc(nameLength);
    name.write(find(id)?.name ?? "", "latin1");
    return name;
  });
  return [
    app(0x43, "administrator", 3, setAccess),
    app(
      0x44,
      "operator",
      2,
      ofUser(1, (id) => access(users, find(id))),
    ),
    app(0x45, "administrator", 17, setName),
    app(0x46, "operator", 1, getName),
    app(
      0x47,
      "administrator",
      2,
      ofUser(0, (id, data) => password(slot(id), data, longOnes)),
    ),
  ];
}

/** Get User Access: how many slots, how many enabled, how many with fixed names, and this one. */
function access(users: readonly SimulatedUser[], user: SimulatedUser | undefined): Buffer {
  const enabled = users.filter((one) => one.enabled).length;
  const status = user?.enabled === true ? 0x40 : 0x80;
  const level = user?.administrator === true ? levels.administrator : levels.user;
  // May send IPMI messages, with that limit. A slot nobody is in has no access (Fh).
  return Buffer.of(lastUserId, status | enabled, 0, user === undefined ? 0x0f : 0x10 | level);
}

/** Set User Password: bit 7 of the id says that it has 20 octets and not 16. */
function password(user: SimulatedUser, data: Buffer, longOnes: Set<SimulatedUser>): Reply {
  const operation = data.readUInt8(1) & 0x03;
  const long = (data.readUInt8(0) & 0x80) !== 0;
  if (operation <= 1) {
    user.enabled = operation === 1;
    return nothing;
  }
  const octets = data.subarray(2);
  if (octets.length !== (long ? 20 : 16)) return code.invalidDataField;
  if (operation === 3) {
    if (long !== (longOnes.has(user) || user.password.length > 16)) return wrongPasswordSize;
    return textOf(octets) === user.password ? nothing : wrongPassword;
  }
  user.password = textOf(octets);
  if (long) longOnes.add(user);
  else longOnes.delete(user);
  return nothing;
}

/** Up to the first NUL. */
function textOf(octets: Buffer): string {
  const end = octets.indexOf(0);
  return octets.toString("utf8", 0, end < 0 ? octets.length : end);
}
