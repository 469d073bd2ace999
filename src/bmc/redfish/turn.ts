// What can be done with one BMC while nobody else speaks to it: resources read, changed and acted on.

import { z } from "zod";
import type { Secret } from "../../net/secret.ts";
import type { BmcError, BmcFailureKind } from "../bmc.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import { linkPath } from "./path.ts";

/** A resource as it was read. */
export interface Resource<T> {
  readonly path: string;
  readonly etag: string | undefined;
  readonly value: T;
}

export interface WriteOptions {
  /** Sent once and never again, because a second copy would do it a second time. */
  readonly once?: boolean;
  /** Blotted out of the BMC's words, should it give it back. */
  readonly secret?: Secret;
}

/** Each call throws a BmcError. */
export interface Turn {
  get<T>(path: string, shape: z.ZodType<T>): Promise<Resource<T>>;
  /** Changes a resource that was read before, and only if it has not changed since; then it is read again, once. */
  patch(resource: Resource<unknown>, body: object, options?: WriteOptions): Promise<void>;
  post(path: string, body: object, options?: WriteOptions): Promise<void>;
  /** Logs in with this one from now on. */
  changePassword(password: Secret): void;
  sleep(ms: number): Promise<void>;
  fail(kind: BmcFailureKind, said: string): BmcError;
}

/** Sends a request, again if it may be, and gives an answer of 200–299 or 412. */
export type Ask = (request: HttpRequest, options?: WriteOptions) => Promise<HttpResponse>;

export function createTurn(
  ask: Ask,
  others: Pick<Turn, "changePassword" | "sleep" | "fail">,
): Turn {
  const { fail } = others;
  const inside = (path: string) => {
    const safe = linkPath(path);
    if (safe !== undefined) return safe;
    throw fail("protocol", `it gave a link that leads out of /redfish/ ("${path}")`);
  };
  const get: Turn["get"] = async (path, shape) => {
    const { body, headers } = await ask({ method: "GET", path: inside(path) });
    const parsed = shape.safeParse(body);
    if (parsed.success) return { path, etag: headers.etag ?? etagOf(body), value: parsed.data };
    const where = parsed.error.issues[0]?.path.join(".") ?? "";
    throw fail("protocol", `${path} is not as Redfish has it (at "${where}")`);
  };
  const write = ({ path, etag }: Resource<unknown>, body: object, options?: WriteOptions) => {
    const headers = etag === undefined ? undefined : { "if-match": etag };
    return ask({ method: "PATCH", path: inside(path), headers, body }, options);
  };
  return {
    ...others,
    get,
    patch: async (resource, body, options) => {
      if ((await write(resource, body, options)).status !== 412) return;
      const fresh = await get(resource.path, z.unknown());
      if ((await write(fresh, body, options)).status === 412)
        throw fail("busy", `${resource.path} changes whenever it is read`);
    },
    post: async (path, body, options) => {
      await ask({ method: "POST", path: inside(path), body }, options);
    },
  };
}

/** Some BMCs give the ETag only in the body. */
function etagOf(body: unknown): string | undefined {
  const parsed = z.object({ "@odata.etag": z.string() }).safeParse(body);
  return parsed.success ? parsed.data["@odata.etag"] : undefined;
}
