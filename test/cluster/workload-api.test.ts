import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { workloadApi } from "../../src/cluster/workload-api.ts";
import { createAuthority, listen } from "./authority.ts";

const node = { name: "node01", fqdn: "node01.example.com", address: "127.0.0.1" };
const never = new AbortController().signal;
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Both services on one port, which answers `status` and `body`; and what it was asked. */
async function service(status: number, body: string) {
  const authority = await createAuthority("test CA");
  const asked: string[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    let sent = "";
    request.on("data", (chunk: Buffer) => {
      sent += chunk.toString();
    });
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${sent}`.trim());
      response.writeHead(status).end(body);
    });
  };
  const { port, close } = await listen(await authority.issue(node.fqdn), listener);
  closers.push(close);
  const api = workloadApi({ fiberlb: port, plasmavmc: port }, { ca: () => authority.ca });
  return { api, asked };
}

test("a backend is drained and used again in the runbook's words", async () => {
  const { api, asked } = await service(200, '{"status":"ok"}');
  for (const status of ["drain", "active"] as const)
    expect(await api.setBackend(node, "node02", status, never)).toEqual({
      ...{ ok: true, value: undefined },
    });
  expect(asked).toEqual([
    'POST /api/backend/node02 {"status":"drain"}',
    'POST /api/backend/node02 {"status":"active"}',
  ]);
});

test("a machine is moved to a node in the runbook's words", async () => {
  const { api, asked } = await service(202, "");
  expect(await api.migrate(node, "vm-001", "node03", never)).toMatchObject({ ok: true });
  expect(asked).toEqual(['POST /api/vms/vm-001/migrate {"target_node":"node03"}']);
});

test.each([
  [409, true],
  [404, true],
  [400, false],
  [503, false],
])("HTTP %i to a move counts as on its way: %s", async (status, ok) => {
  const { api } = await service(status, "{}");
  expect((await api.migrate(node, "vm-001", "node03", never)).ok).toBe(ok);
});

test.each([
  ['{"status":"healthy","vms_running":0}', { ok: true, value: true }],
  ['{"status":"starting"}', { ok: true, value: false }],
  ['{"vms":0}', { ok: false }],
])("a host that says %s", async (body, answer) => {
  const { api } = await service(200, body);
  expect(await api.takesMachines(node, never)).toMatchObject(answer);
});
