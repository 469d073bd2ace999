import { expect, test } from "vitest";
import { gather, type Looks } from "../../src/diagnose/gather.ts";
import { fakeRack, newProvisions } from "../fakes/rack.ts";
import { virtualClock } from "../fakes/virtual-clock.ts";
import { aLayer, healthy, node01 } from "./evidence.ts";

const never = <T>() => new Promise<T>(() => undefined);

/** Looks that answer at once, as those at a healthy node do. */
function looks(changes: Partial<Looks> = {}): Looks {
  const evidence = healthy();
  const answer =
    (name: "server" | "bmc" | "install" | "system" | "ports" | "handshakes") => async () => {
      const item = evidence[name];
      if (!item.known) throw new Error(item.why);
      return item.value as never;
    };
  return {
    ...{ server: answer("server"), bmc: answer("bmc"), install: answer("install") },
    ...{ system: answer("system"), ports: answer("ports"), handshakes: answer("handshakes") },
    surroundings: async () => [],
    installer: async () => {
      throw new Error("the installer has not been met yet");
    },
    layers: async () => [aLayer("chainfire")],
    ...changes,
  };
}

function tools(changes: Partial<Looks> = {}) {
  const rack = fakeRack();
  const clock = virtualClock();
  const certificates = { certificates: () => [] };
  return { rack, clock, gathering: { ...rack.tools, clock, certificates, looks: looks(changes) } };
}

test("a look that hangs, and one that throws, cost only themselves; all is over within ten seconds", async () => {
  let stopped = false;
  const { clock, gathering } = tools({
    bmc: (_node, signal) => {
      signal.addEventListener("abort", () => {
        stopped = true;
      });
      return never();
    },
    system: never,
    layers: async () => {
      throw new Error("the cluster can't be asked");
    },
  });
  const beganMs = clock.now();
  const evidence = await clock.settle(gather(gathering, node01()));
  expect(clock.now() - beganMs).toBeLessThan(10_000);
  expect(evidence.bmc).toEqual({ known: false, why: "no answer within 8.5 s" });
  expect(evidence.system.known).toBe(false);
  expect(evidence.layers).toEqual({ known: false, why: "the cluster can't be asked" });
  expect(evidence.ports.known).toBe(true);
  expect(stopped).toBe(true);
});

test("without a certificate from here no handshake is tried", async () => {
  let asked = false;
  const { clock, gathering } = tools({
    handshakes: async () => {
      asked = true;
      return [];
    },
  });
  const { handshakes, issued } = await clock.settle(gather(gathering, node01()));
  expect(issued).toBeUndefined();
  expect(handshakes.known).toBe(false);
  expect(asked).toBe(false);
});

test("the boot is judged by what happened since the newest install began", async () => {
  const { rack, clock, gathering } = tools();
  const node = node01();
  const append = (kind: string) =>
    rack.tools.nodes.append({ node: node.name, mac: node.mac, kind, detail: { bootFile: "x" } });
  append("keys-served");
  const before = await clock.settle(gather(gathering, node));
  expect(before.operation).toBeUndefined();
  expect(before.boot.name).toBe("keys");
  await rack.clock.sleep(1000, new AbortController().signal);
  rack.tools.operations.create(newProvisions(rack.tools, [node], rack.clock.now()));
  expect((await clock.settle(gather(gathering, node))).boot.name).toBe("silent");
  rack.tools.nodes.append({
    ...{ node: node.name, mac: node.mac, kind: "dhcp-declined" },
    detail: { address: "10.0.100.50" },
  });
  expect((await clock.settle(gather(gathering, node))).declined).toBe("10.0.100.50");
  append("dhcp-offered");
  const { boot, operation, founder, declined } = await clock.settle(gather(gathering, node));
  expect(boot.name).toBe("dhcp");
  expect(operation?.status).toBe("running");
  expect([founder, declined]).toEqual([undefined, undefined]);
  rack.tools.clusters.claimBootstrap("prod-cluster", node.name);
  expect((await clock.settle(gather(gathering, node))).founder).toBe(node.name);
});
