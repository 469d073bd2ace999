// Asks a boot plane over a real connection: images are sent on one, which an injected request has not.

import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, get as request } from "node:http";
import { buffer } from "node:stream/consumers";
import { type Listening, listenBootPlane } from "../../src/bootplane/listen.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { TestBootPlane } from "./boot-plane.ts";

export interface Answer {
  readonly statusCode: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawPayload: Buffer;
  readonly body: string;
}

export type Get = (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>;

/** Opens a port on loopback with the first request; closing the plane closes it. */
export function clientOf(plane: Pick<TestBootPlane, "app" | "connections">): Get {
  let opening: Promise<Listening> | undefined;
  return async (path, headers = {}) => {
    opening ??= listenBootPlane(plane, "127.0.0.1" as Ipv4, 0);
    const { port } = await opening;
    const asked = request({ host: "127.0.0.1", port, path, headers, agent: false });
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    const rawPayload = await buffer(response);
    const { statusCode, headers: answered } = response;
    return { statusCode, headers: answered, rawPayload, body: rawPayload.toString("latin1") };
  };
}
