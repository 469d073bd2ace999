import { afterAll, beforeAll, expect, test } from "vitest";
import { certificatesView } from "../api/fake-rackstrap.ts";
import { startServer, type TestServer } from "./run.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => await server.close());

test("each node's last certificate is listed below the CA", async () => {
  const { code, stdout } = await server.rackstrap("certs", "list");
  expect(stdout).toMatch(
    /^CA CN=PlasmaCloud CA, made here: ends 2100-01-01 .*key EC prime256v1 under a passphrase\n/,
  );
  expect(stdout).toMatch(/^node01 +2100-01-01 00:00:00Z +\d+d\d+h +2023-11-14 \S+ +files +4a02$/m);
  expect(stdout).not.toContain("4a01");
  expect(code).toBe(0);
});

test("those from before are listed when they are asked for", async () => {
  const { stdout } = await server.rackstrap("certs", "list", "--all");
  expect(stdout).toMatch(/ no +4a01$/m);
});

test("as JSON it is what the API answers", async () => {
  const { stdout } = await server.rackstrap("certs", "list", "--all", "--json");
  expect(JSON.parse(stdout)).toEqual(certificatesView);
});

test("a certificate that has ended is said to have, and is not healthy", async () => {
  const [first] = certificatesView.certificates;
  if (first === undefined) throw new Error("the fake issued nothing");
  const ended = { ...certificatesView, certificates: [{ ...first, notAfterMs: 1 }] };
  const late = await startServer({ certificates: () => ended });
  const { code, stdout } = await late.rackstrap("certs", "list");
  await late.close();
  expect(stdout).toMatch(/^node01 +1970-01-01 00:00:00Z +ended /m);
  expect(code).toBe(1);
});
