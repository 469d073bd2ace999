import { afterAll, beforeAll, expect, test } from "vitest";
import type { CertificateStatusView } from "../../src/api/certificate-shapes.ts";
import { certificateStatusView } from "../api/fake-rackstrap.ts";
import { startServer, type TestServer } from "./run.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => await server.close());

test("each service of each node has a line below the CA, and all well ends with 0", async () => {
  const { code, stdout } = await server.rackstrap("certs", "status");
  expect(stdout).toMatch(/^CA CN=PlasmaCloud CA, made here: ends 2100-01-01/);
  expect(stdout).toMatch(
    /^node01 +chainfire:2379 +1970-01-01 \S+ +2100-01-01 \S+ +\d+d\d+h +in use +yes$/m,
  );
  expect(stdout).toMatch(/^node01 +flaredb:2479 /m);
  expect(code).toBe(0);
});

test("nodes and limit reach the server, and JSON is what the API answers", async () => {
  const args = ["certs", "status", "node01", "node02", "--within", "400", "--json"];
  const { stdout } = await server.rackstrap(...args);
  expect(JSON.parse(stdout)).toEqual({ ...certificateStatusView, withinDays: 400 });
  const unknown = await server.rackstrap("certs", "status", "node09");
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("no node node09") });
});

test.each(["soon", "-1", "1.5", "400000"])("--within %s is refused", async (days) => {
  const { code, stderr } = await server.rackstrap("certs", "status", `--within=${days}`);
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("number of days"),
  });
});

test("what is wrong stands below the table, a CA that is being replaced above it, and the command ends with 1", async () => {
  const { authority, nodes } = certificateStatusView;
  const status: CertificateStatusView = {
    ...certificateStatusView,
    authority: {
      ...authority,
      stage: "switched",
      alsoTrusted: [{ ...authority, subject: "CN=Old" }],
    },
    nodes: [
      ...nodes,
      {
        node: "node02",
        services: [{ service: "chainfire", port: 2379, silent: "refused" }],
        problems: ["chainfire (port 2379) shows no certificate: refused"],
      },
    ],
  };
  const sick = await startServer({ certificateStatus: async () => status });
  const { code, stdout } = await sick.rackstrap("certs", "status");
  await sick.close();
  expect(stdout).toContain("being replaced: it signs, and the old one is trusted still");
  expect(stdout).toMatch(/also trusted: CN=Old, ends/);
  expect(stdout).toMatch(/^node02 +chainfire:2379 +- /m);
  expect(stdout).toMatch(/^node02: chainfire \(port 2379\) shows no certificate: refused$/m);
  expect(code).toBe(1);
});
