// Who may ask a simulated Redfish service: its sessions, and the password with each request.

import { randomBytes } from "node:crypto";
import type { SimulatedMachine } from "./machine.ts";
import { type Answer, type Asked, done, objectOf, refuse } from "./redfish-answer.ts";

export const sessionsPath = "/redfish/v1/SessionService/Sessions";

export interface Sessions {
  /** Opens one, if there is room and the password is right. */
  open(asked: Asked, full: boolean): Answer;
  end(id: string): Answer;
  isKnown(asked: Asked): boolean;
  forget(): void;
  ids(): readonly string[];
}

export function createSessions(machine: SimulatedMachine, max: number): Sessions {
  /** Id by token. */
  const open = new Map<string, string>();
  let opened = 0;
  const matches = (name: unknown, password: unknown) =>
    machine.users.some((user) => user.name === name && user.password === password);
  return {
    open: ({ body }, full) => {
      const { UserName, Password } = objectOf(body);
      if (!matches(UserName, Password))
        return refuse(401, "NoValidSession", `The user ${UserName} or its password is not valid.`);
      if (full || open.size >= max)
        return refuse(503, "SessionLimitExceeded", "The session limit is reached.");
      opened += 1;
      const id = `${opened}`;
      const token = randomBytes(12).toString("hex");
      open.set(token, id);
      const path = `${sessionsPath}/${id}`;
      return {
        status: 201,
        headers: { "x-auth-token": token, location: path },
        body: { "@odata.id": path, Id: id, Name: "User Session", UserName },
      };
    },
    end: (id) => {
      const token = [...open].find(([, known]) => known === id)?.[0];
      if (token === undefined) return refuse(404, "ResourceMissingAtURI", "No such session.");
      open.delete(token);
      return done;
    },
    isKnown: ({ headers }) => {
      const token = headers["x-auth-token"];
      if (typeof token === "string") return open.has(token);
      const [, encoded = ""] = /^Basic (.+)$/.exec(String(headers["authorization"])) ?? [];
      const [name, ...password] = Buffer.from(encoded, "base64").toString().split(":");
      return matches(name, password.join(":"));
    },
    forget: () => open.clear(),
    ids: () => [...open.values()],
  };
}
