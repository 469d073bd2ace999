// The driver's sessions, its limits, and what it does not do.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { createRedfish } from "../../../src/bmc/redfish/driver.ts";
import { Secret } from "../../../src/net/secret.ts";
import { limits, simulate, testClock } from "./simulated.ts";

describe("sessions", () => {
  test("one is opened for many calls, and given back after a minute of silence", async () => {
    const { bmc, server, clock, close } = await simulate();
    for (let calls = 0; calls < 5; calls += 1) await bmc.powerState();
    expect(server.requests.filter((asked) => asked.startsWith("POST"))).toHaveLength(1);
    expect(server.sessions()).toBe(1);
    clock.pass(60_000);
    await expect.poll(() => server.sessions()).toBe(0);
    expect(await bmc.powerState()).toBe("off");
    await close();
    expect(server.sessions()).toBe(0);
  });

  test("the password goes with each request where the settings say so", async () => {
    const { bmc, server, close } = await simulate("plain", {
      settings: { authentication: "basic" },
    });
    expect(await bmc.powerState()).toBe("off");
    expect(server.requests.some((asked) => asked.startsWith("POST"))).toBe(false);
    await close();
  });

  test.each(["session", "basic"] as const)("a wrong password is told apart: %s", async (how) => {
    const { bmc, server, close } = await simulate("plain", {
      settings: { authentication: how, password: new Secret("wrong") },
    });
    await expect(bmc.powerState()).rejects.toMatchObject({ kind: "authentication" });
    // A second try with it would bring the account nearer to being locked.
    expect(server.requests).toHaveLength(2);
    await close();
  });
});

test("a system that is not there is named with those that are", async () => {
  const { bmc, close } = await simulate("plain", { settings: { system: "2" } });
  await expect(bmc.powerState()).rejects.toThrow('it has no system "2"; it has: 1');
  await close();
});

test("a boot mode that is wanted and not there is unsupported", async () => {
  const { bmc, close } = await simulate("hpe");
  const kept = await bmc.setBootOverride({ device: "pxe", persistent: false, uefi: true });
  expect(kept).toEqual({ device: "pxe", persistent: false, uefi: false });
  await close();
});

test("a serial console is opened over IPMI where the settings have it", async () => {
  const wanted = { output: [], write: async () => {} };
  const ipmi = { openConsole: async () => wanted as never, close: async () => {} };
  const { bmc, close } = await simulate("plain", { options: { ipmi } });
  expect(await bmc.openConsole({ takeOver: false })).toBe(wanted);
  await close();
});

test("a serial console without IPMI is unsupported, with the ways that there are", async () => {
  const { bmc, close } = await simulate();
  await expect(bmc.openConsole({ takeOver: false })).rejects.toMatchObject({
    kind: "unsupported",
    message: expect.stringContaining("this BMC offers it by SSH, IPMI"),
  });
  await close();
});

test("no password or token is in what a BMC is made to say of them", async () => {
  const { bmc, server, close } = await simulate();
  await bmc.powerState();
  const refusals = [
    bmc.setPassword(new Secret("short")),
    bmc.setBootOverride({ device: "pxe", persistent: false, uefi: true }),
  ];
  server.faults.forgetBoot = true;
  for (const refusal of await Promise.allSettled(refusals)) {
    expect(refusal.status).toBe("rejected");
    expect(inspect(refusal, { depth: 9, showHidden: true })).not.toMatch(/secret|short/);
  }
  await close();
});

/** A BMC that answers each path from a table, and says what it was asked. */
async function scripted(
  answers: Readonly<
    Record<string, { status?: number; headers?: Record<string, string>; body?: unknown }>
  >,
  authentication: "basic" | "session" = "basic",
) {
  const asked: string[] = [];
  const credentials = new Set<string>();
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    credentials.add(`${request.headers.authorization ?? request.headers["x-auth-token"]}`);
    const { status = 200, headers = {}, body } = answers[request.url ?? ""] ?? { status: 404 };
    response.writeHead(status, headers).end(body === undefined ? "" : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const bmc = createRedfish(
    {
      address: "127.0.0.1",
      port,
      user: "admin",
      password: new Secret("secret"),
      authentication,
      trust: { insecure: "http" },
    },
    testClock(),
    { limits },
  );
  const close = async () => {
    await bmc.close();
    server.closeAllConnections();
    server.close();
  };
  return { bmc, asked, credentials, close };
}

describe("links that lead elsewhere", () => {
  test.each(["http://192.0.2.1/redfish/v1/Systems", "//192.0.2.1/redfish/v1/Systems", "/other"])(
    "%s is not followed",
    async (link) => {
      const { bmc, asked, close } = await scripted({
        "/redfish/v1/": { body: { Systems: { "@odata.id": link } } },
      });
      await expect(bmc.powerState()).rejects.toMatchObject({
        kind: "protocol",
        message: expect.stringContaining("leads out of /redfish/"),
      });
      expect(asked).toHaveLength(1);
      await close();
    },
  );

  test("a redirect is not followed", async () => {
    const { bmc, asked, close } = await scripted({
      "/redfish/v1/": { status: 302, headers: { location: "http://192.0.2.1/" } },
    });
    await expect(bmc.powerState()).rejects.toMatchObject({ kind: "protocol" });
    expect(asked).toHaveLength(1);
    await close();
  });
});

test("an answer without end is cut", async () => {
  const body = { Systems: { "@odata.id": "x".repeat(5 * 1024 * 1024) } };
  const { bmc, close } = await scripted({ "/redfish/v1/": { body } });
  await expect(bmc.powerState()).rejects.toThrow("it answered more than 4194304 bytes");
  await close();
});

test("a resource of another shape is told with its path", async () => {
  const { bmc, close } = await scripted({ "/redfish/v1/": { body: { Systems: 7 } } });
  await expect(bmc.powerState()).rejects.toThrow(
    '/redfish/v1/ is not as Redfish has it (at "Systems")',
  );
  await close();
});

test("nobody at the address is unreachable", async () => {
  const { bmc, server } = await simulate();
  await server.close();
  await expect(bmc.powerState()).rejects.toMatchObject({ kind: "unreachable" });
  await bmc.close();
});

describe("a BMC whose sessions are not as they should be", () => {
  const system = { "@odata.id": "/redfish/v1/Systems/1" };
  const systems = {
    "/redfish/v1/Systems": { body: { Members: [system] } },
    "/redfish/v1/Systems/1": { body: { PowerState: "On" } },
  };
  const sessions = "/redfish/v1/SessionService/Sessions";
  const root = (links: object) => ({
    "/redfish/v1/": { body: { Systems: { "@odata.id": "/redfish/v1/Systems" }, Links: links } },
  });
  const basic = `Basic ${Buffer.from("admin:secret").toString("base64")}`;

  test.each([
    ["that has none", root({})],
    ["that names them and has none", root({ Sessions: { "@odata.id": sessions } })],
    [
      "that gives no token",
      { ...root({ Sessions: { "@odata.id": sessions } }), [sessions]: { status: 201, body: {} } },
    ],
  ])("%s is given the password with each request", async (_, answers) => {
    const { bmc, credentials, close } = await scripted({ ...answers, ...systems }, "session");
    expect(await bmc.powerState()).toBe("on");
    expect([...credentials]).toEqual(["undefined", basic]);
    await close();
  });

  test.each([
    ["in the body only", {}, { "@odata.id": `${sessions}/7` }],
    ["in a URL with another host", { location: `https://bmc01.example.com${sessions}/7` }, {}],
  ])("that says where the session is %s has it given back there", async (_, headers, body) => {
    const opened = { status: 201, headers: { ...headers, "x-auth-token": "t0ken" }, body };
    const answers = { ...root({ Sessions: { "@odata.id": sessions } }), [sessions]: opened };
    const { bmc, asked, credentials, close } = await scripted(
      { ...answers, ...systems },
      "session",
    );
    expect(await bmc.powerState()).toBe("on");
    await close();
    expect([...credentials]).toEqual(["undefined", "t0ken"]);
    expect(asked.at(-1)).toBe(`DELETE ${sessions}/7`);
  });
});
