import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { connect } from "../../src/cli/server.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

/** The commands' view of a server that takes each request and answers none, and of a time that is soon over. */
async function silentServer() {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  const soon = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => timeout(50));
  onTestFinished(() => soon.mockRestore());
  const tokenFile = join(temporaryDirectory(), "api-token");
  writeFileSync(tokenFile, "a".repeat(43), { mode: 0o600 });
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { api, server: connect({ api, tokenFile }) };
}

test("an order that gets no answer in time may still be carried out, and the command says so", async () => {
  const { api, server } = await silentServer();
  await expect(server.post("/api/operations", {}, z.unknown())).rejects.toMatchObject({
    code: 3,
    message: `no answer from the server at ${api} within 180 s`,
    next: "what was asked may still be carried out: rackstrap operations list",
  });
});

test("a question that gets no answer in time says where to look", async () => {
  const { api, server } = await silentServer();
  await expect(server.get("/api/nodes", z.unknown())).rejects.toMatchObject({
    code: 3,
    message: `no answer from the server at ${api} within 180 s`,
    next: "look at it: systemctl status rackstrap, journalctl -u rackstrap",
  });
});
