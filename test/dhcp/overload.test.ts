import { expect, it } from "vitest";
import { mostDiscovers } from "../../src/dhcp/overload.ts";
import { createSite, machine, node01, outcome, request, selecting } from "./site.ts";

it("in a flood the declared machine and the one that was offered an address before are answered", () => {
  const site = createSite();
  expect(outcome(site.send(request("DISCOVER", { mac: machine(1) })))).toBe("OFFER 10.0.100.100");
  const flood = Array.from({ length: 1500 }, (_, i) =>
    request("DISCOVER", { mac: machine(2 + i) }),
  );
  const answers = site.batch([
    request("DISCOVER", { mac: node01 }),
    selecting("10.0.100.100", { mac: machine(1) }),
    ...flood,
  ]);
  const [first, second] = answers.map((reply) => outcome({ reply }));
  expect([first, second]).toEqual(["OFFER 10.0.100.50", "ACK 10.0.100.100"]);
  expect(answers.length).toBeLessThanOrEqual(mostDiscovers + 2);
});
