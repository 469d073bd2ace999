// Who asks: a session of the BMC, opened when it is needed and given back (DSP0266, "Redfish session login authentication"), or the
// password with each request where the settings or the BMC want it so.

import { z } from "zod";
import type { Secret } from "../../net/secret.ts";
import { BmcError } from "../bmc.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import { linkPath, locationPath } from "./path.ts";
import { openRoot } from "./shapes.ts";

export interface Login {
  /** The headers that say who asks; opens a session when there is none. Throws a BmcError, and the signal's reason. */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /**
   * The BMC refused the headers. True: there is another try, with a session that is opened anew. The old one is given back: some BMCs
   * refuse a session that they still keep a place for.
   */
  refused(signal: AbortSignal): Promise<boolean>;
  /** What must not be seen in what the BMC says. */
  secrets(): readonly string[];
  /** The password from now on. */
  change(password: Secret): void;
  /** Gives the session back; a later call of `headers` opens another. Never throws: a BMC that did not hear it ends it itself. */
  close(signal: AbortSignal): Promise<void>;
}

export interface Credentials {
  readonly user: string;
  readonly password: Secret;
  /** `basic` sends the password with every request; it is done anyway where the BMC has no sessions. */
  readonly authentication: "session" | "basic";
}

/** Gives an answer of 200–299; throws a BmcError for everything else. `isLogin`: it opens a session. */
export type Send = (
  request: HttpRequest,
  how: { readonly isLogin: boolean },
  signal: AbortSignal,
) => Promise<HttpResponse>;

interface Session {
  readonly token: string;
  /** Where it is ended; undefined when the BMC does not say. */
  readonly path: string | undefined;
}

export function createLogin(credentials: Credentials, send: Send): Login {
  const { user } = credentials;
  let { password } = credentials;
  let basic = credentials.authentication === "basic";
  let session: Session | undefined;

  const encoded = () => Buffer.from(`${user}:${password.reveal()}`).toString("base64");
  const close: Login["close"] = async (signal) => {
    const { token, path } = session ?? {};
    session = undefined;
    if (token === undefined || path === undefined) return;
    const request = { method: "DELETE" as const, path, headers: { "x-auth-token": token } };
    await send(request, { isLogin: false }, signal).catch(() => undefined);
  };
  return {
    close,
    secrets: () => [password.reveal(), encoded(), session?.token ?? ""],
    headers: async (signal) => {
      if (!basic) {
        session ??= await openSession(send, user, password, signal);
        basic = session === undefined;
      }
      return session === undefined
        ? { authorization: `Basic ${encoded()}` }
        : { "x-auth-token": session.token };
    },
    refused: async (signal) => {
      const another = session !== undefined;
      await close(signal);
      return another;
    },
    change: (changed) => {
      password = changed;
    },
  };
}

/** Opens a session; undefined when the BMC has no such service. */
async function openSession(
  send: Send,
  user: string,
  password: Secret,
  signal: AbortSignal,
): Promise<Session | undefined> {
  // The one path that is fixed; it says to everybody where sessions are opened.
  const root = await send({ method: "GET", path: rootPath }, { isLogin: false }, signal);
  const parsed = openRoot.safeParse(root.body);
  const sessions = parsed.success ? parsed.data.Links?.Sessions?.["@odata.id"] : undefined;
  const path = sessions === undefined ? undefined : linkPath(sessions);
  if (path === undefined) return undefined;
  const body = { UserName: user, Password: password.reveal() };
  try {
    const answer = await send({ method: "POST", path, body }, { isLogin: true }, signal);
    return sessionOf(answer);
  } catch (error) {
    if (error instanceof BmcError && error.kind === "unsupported") return undefined;
    throw error;
  }
}

const token = z.string().regex(/^[!-~]+$/);
const created = z.object({ "@odata.id": z.string() });

/** A BMC that opens a session and gives no token for it is asked with the password. */
function sessionOf({ headers, body }: HttpResponse): Session | undefined {
  const given = token.safeParse(headers["x-auth-token"]);
  if (!given.success) return undefined;
  const itself = created.safeParse(body);
  const place = headers.location ?? (itself.success ? itself.data["@odata.id"] : "");
  return { token: given.data, path: locationPath(place) };
}

/** With its slash: without it some BMCs redirect. */
export const rootPath = "/redfish/v1/";
