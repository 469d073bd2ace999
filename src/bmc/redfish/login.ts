// Who asks: a session of the BMC, opened when it is needed and given back (DSP0266, "Redfish session login authentication"), or the
// password with each request where the settings or the BMC want it so.

import type { Secret } from "../../net/secret.ts";
import { type BmcError, bmcError } from "../bmc.ts";
import { refusalOf } from "./failure.ts";
import type { Http } from "./http.ts";
import { linkPath, locationPath } from "./path.ts";
import { openRoot } from "./shapes.ts";

export interface Login {
  /** The headers that say who asks; opens a session when there is none. Throws a BmcError, and the signal's reason. */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** The BMC took the headers no longer. True: there is another try, with a session that is opened anew. */
  refused(): boolean;
  /** What must not be seen in what the BMC says. */
  secrets(): readonly string[];
  /** The password from now on. */
  change(password: Secret): void;
  /** Gives the session back; a later call of `headers` opens another. Never throws: the BMC ends what it did not hear about itself. */
  close(): Promise<void>;
}

interface Credentials {
  readonly user: string;
  readonly password: Secret;
  readonly authentication: "session" | "basic";
}

interface Session {
  readonly token: string;
  readonly path: string | undefined;
}

const closeMs = 2_000;

/** `subject` names BMC and user in messages. */
export function createLogin(http: Http, credentials: Credentials, subject: string): Login {
  const { user } = credentials;
  let { password } = credentials;
  let basic = credentials.authentication === "basic";
  let session: Session | undefined;

  const basicHeaders = () => {
    const encoded = Buffer.from(`${user}:${password.reveal()}`).toString("base64");
    return { authorization: `Basic ${encoded}` };
  };
  const secrets = () => [
    password.reveal(),
    Buffer.from(`${user}:${password.reveal()}`).toString("base64"),
    session?.token ?? "",
  ];
  const close = async () => {
    const path = session?.path;
    const headers = session === undefined ? {} : { "x-auth-token": session.token };
    session = undefined;
    if (path === undefined) return;
    const signal = AbortSignal.timeout(closeMs);
    await http.send({ method: "DELETE", path, headers }, false, signal).catch(() => undefined);
  };

  return {
    secrets,
    close,
    headers: async (signal) => {
      if (basic) return basicHeaders();
      if (session === undefined) {
        const opened = await openSession(http, user, password, subject, signal);
        if (opened === "none") basic = true;
        else session = opened;
      }
      return session === undefined ? basicHeaders() : { "x-auth-token": session.token };
    },
    refused: () => {
      const another = session !== undefined;
      session = undefined;
      return another;
    },
    change: (changed) => {
      password = changed;
    },
  };
}

/** Opens a session; "none" when the BMC has no such service. Sent once: each one that is opened takes one of a few places. */
async function openSession(
  http: Http,
  user: string,
  password: Secret,
  subject: string,
  signal: AbortSignal,
): Promise<Session | "none"> {
  const path = await sessionsPath(http, subject, signal);
  if (path === undefined) return "none";
  const body = { UserName: user, Password: password.reveal() };
  const reply = await http.send({ method: "POST", path, body }, true, signal);
  if ("said" in reply) throw bmcError(reply.kind, subject, `log in: ${reply.said}`);
  const { status, headers } = reply;
  if (status === 404 || status === 405 || status === 501) return "none";
  if (status < 200 || status > 299) throw refused(subject, status, reply.body, [password.reveal()]);
  const token = headers["x-auth-token"];
  if (typeof token !== "string" || !/^[!-~]+$/.test(token))
    throw bmcError("protocol", subject, "it opened a session and gave no token");
  const { "@odata.id": id } = (reply.body ?? {}) as { "@odata.id"?: unknown };
  return { token, path: locationPath(headers.location ?? (typeof id === "string" ? id : "")) };
}

/** A BMC that knows no such user says 401, or 400 with a message; both are about what was sent. */
function refused(
  subject: string,
  status: number,
  body: unknown,
  secrets: readonly string[],
): BmcError {
  const { kind, said } = refusalOf(status, body, secrets);
  return bmcError(kind, subject, `it did not let this user in (${said})`);
}

/** Where sessions are opened: the root says so to everybody. Undefined when it names no place. */
async function sessionsPath(
  http: Http,
  subject: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const reply = await http.send({ method: "GET", path: rootPath }, false, signal);
  if ("said" in reply) throw bmcError(reply.kind, subject, reply.said);
  if (reply.status < 200 || reply.status > 299) {
    const { kind, said } = refusalOf(reply.status, reply.body, []);
    throw bmcError(kind, subject, `its service root can't be read (${said})`);
  }
  const parsed = openRoot.safeParse(reply.body);
  const sessions = parsed.success ? parsed.data.Links?.Sessions?.["@odata.id"] : undefined;
  return sessions === undefined ? undefined : linkPath(sessions);
}

/** The one path that is fixed (DSP0266). With its slash: without it some BMCs redirect. */
export const rootPath = "/redfish/v1/";
