// A member that answers requests by method and path as a test says, over TLS on loopback, and remembers what it was asked.

import type { ServerResponse } from "node:http";
import type { Identity } from "../../src/cluster/client.ts";
import type { ClusterNode, Driver, Layer } from "../../src/cluster/driver.ts";
import { createDriver } from "../../src/cluster/drivers.ts";
import { createAuthority, listen } from "./authority.ts";

/** JSON with status 200, a status with JSON, or whatever the function writes. */
type Reply =
  | object
  | readonly [status: number, body: object]
  | ((response: ServerResponse) => void);

export interface FakeMember {
  readonly driver: Driver;
  readonly node: ClusterNode;
  readonly ca: string;
  /** Of its CA, for who asks it. */
  readonly identity: Identity;
  readonly port: number;
  /** Method, path and body of each request. */
  readonly requests: string[];
  /** What it answers; a path that is not there is answered 404. */
  readonly replies: Record<string, Reply>;
  close(): Promise<void>;
}

export async function fakeMember(layer: Layer): Promise<FakeMember> {
  const node = { name: "node01", fqdn: "node01.example.com", address: "127.0.0.1" };
  const authority = await createAuthority("test CA");
  const requests: string[] = [];
  const replies: Record<string, Reply> = {};
  const { port, close } = await listen(
    await authority.issue(node.fqdn),
    async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const asked = `${request.method} ${request.url}`;
      requests.push(body === "" ? asked : `${asked} ${body}`);
      const reply = replies[asked] ?? [404, { error: "no such path" }];
      if (typeof reply === "function") return reply(response);
      const [status, json] = Array.isArray(reply) ? reply : [200, reply];
      response.writeHead(status).end(JSON.stringify(json));
    },
  );
  const identity = await authority.issue("rackstrap.example.com");
  const driver = createDriver(layer, {
    ca: () => authority.ca,
    ports: { port, raftPort: port + 1 },
    limits: { timeoutMs: 5000, maxBodyBytes: 100_000 },
  });
  return { driver, node, ca: authority.ca, identity, port, requests, replies, close };
}
