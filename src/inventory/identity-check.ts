// What two machines of an inventory can't share: cards, addresses, BMCs, serial numbers, a place in a rack.

import type { Finding } from "./check.ts";
import { bootNetworks, servedInterfaces } from "./networks.ts";
import type { ParsedInventory } from "./schema.ts";

type Path = Finding["path"];
type NodeEntry = ParsedInventory["nodes"][string];

/** A value that is one machine's own, where it stands, and whose it is. */
interface Claim {
  readonly node: string;
  readonly path: Path;
  readonly value: string;
}

export function identityFindings(file: ParsedInventory): Finding[] {
  const { nodes } = file;
  return [
    ...shared("MAC", macClaims(nodes)),
    ...shared("provisioning address", claims(nodes, ["provisioningAddress"])),
    ...shared("production address", claims(nodes, ["productionAddress"])),
    ...shared(
      "BMC",
      claims(nodes, ["bmc", "address"], ({ bmc }) => `${bmc.address}:${bmc.port}`),
    ),
    ...shared("serial number", claims(nodes, ["serial"])),
    ...shared(
      "UUID",
      claims(nodes, ["uuid"], ({ uuid }) => uuid?.toLowerCase()),
    ),
    ...shared(
      "place",
      claims(nodes, ["position"], ({ rack, position }) =>
        rack === undefined || position === undefined ? undefined : `${rack} ${position}`,
      ),
    ),
    ...retiredFindings(file),
    ...addressFindings(file),
  ];
}

function claims(
  nodes: ParsedInventory["nodes"],
  path: readonly ("provisioningAddress" | "productionAddress" | "serial" | "uuid" | string)[],
  value: (node: NodeEntry) => string | undefined = (node) =>
    node[path[0] as "provisioningAddress" | "productionAddress" | "serial"],
): Claim[] {
  return Object.entries(nodes).flatMap(([name, node]) => {
    const own = value(node);
    return own === undefined ? [] : [{ node: name, path: ["nodes", name, ...path], value: own }];
  });
}

/** The card that a node boots with, and each further one that is written. */
function macClaims(nodes: ParsedInventory["nodes"]): Claim[] {
  return Object.entries(nodes).flatMap(([name, { mac, nics }]) => [
    { node: name, path: ["nodes", name, "mac"], value: mac },
    ...Object.entries(nics).flatMap(([card, nic]) =>
      nic.mac === undefined
        ? []
        : [{ node: name, path: ["nodes", name, "nics", card, "mac"], value: nic.mac }],
    ),
  ]);
}

function shared(what: string, all: readonly Claim[]): Finding[] {
  const first = new Map<string, Claim>();
  return all.flatMap((claim) => {
    const owner = first.get(claim.value) ?? claim;
    first.set(claim.value, owner);
    const { node, path, value } = claim;
    if (owner.node !== node)
      return [
        {
          path,
          message: `node ${node} has the ${what} ${value} of node ${owner.node}: give each machine its own`,
        },
      ];
    // The card that a node boots with may be named among its cards once more.
    const twice = owner !== claim && path.includes("nics") && owner.path.includes("nics");
    return twice
      ? [
          {
            path,
            message: `${value} is the MAC of ${owner.path.at(-2)}, too: correct one of the two`,
          },
        ]
      : [];
  });
}

function retiredFindings({ nodes, retired }: ParsedInventory): Finding[] {
  return macClaims(nodes)
    .filter(({ value }) => Object.hasOwn(retired, value))
    .map(({ node, path, value }) => ({
      path,
      message: `node ${node} has the retired MAC ${value}: remove it under retired to take the machine back, or remove the node`,
    }));
}

interface AddressClaim {
  readonly owner: string;
  readonly path: Path;
  readonly address: string;
  /** Addresses of one kind are compared elsewhere. */
  readonly kind: string;
}

// A router may be that of several networks, and in a flat network a node may have one address for both.
const comparedElsewhere: ReadonlySet<string> = new Set([
  ...["provisioning server", "provisioning gateway", "gateway production", "production gateway"],
]);

function areComparedElsewhere(a: AddressClaim, b: AddressClaim): boolean {
  if (a.kind === b.kind || comparedElsewhere.has(`${a.kind} ${b.kind}`)) return true;
  const pair = new Set([a.kind, b.kind]);
  return pair.has("provisioning") && pair.has("production") && a.path[1] === b.path[1];
}

/** Finds an address that has two uses. Those of one kind, and a node's own against routers and server, are found elsewhere. */
function addressFindings(file: ParsedInventory): Finding[] {
  const first = new Map<string, AddressClaim>();
  return addressClaims(file).flatMap((claim) => {
    const owner = first.get(claim.address);
    if (owner === undefined) {
      first.set(claim.address, claim);
      return [];
    }
    if (areComparedElsewhere(owner, claim)) return [];
    return [
      {
        path: claim.path,
        message: `${claim.address} is ${claim.owner} and ${owner.owner}: give each its own`,
      },
    ];
  });
}

function addressClaims(file: ParsedInventory): AddressClaim[] {
  const { nodes, networks } = file;
  const each = (
    kind: string,
    of: (node: NodeEntry, name: string) => readonly [string | undefined, Path, string][],
  ) =>
    Object.entries(nodes).flatMap(([name, node]) =>
      of(node, name).flatMap(([address, path, owner]) =>
        address === undefined ? [] : [{ kind, address, path: ["nodes", name, ...path], owner }],
      ),
    );
  return [
    // What DHCP gives is compared with server and routers where it is checked.
    ...each("provisioning", (node, name) => [
      [
        node.provisioningAddress,
        ["provisioningAddress"],
        `the provisioning address of node ${name}`,
      ],
    ]),
    ...servedInterfaces(file).map(({ name, address, path }) => ({
      ...{ kind: "server", address, path },
      owner: `this server's address on ${name}`,
    })),
    ...bootNetworks(file).flatMap(({ name, path, settings: { gateway } }) =>
      gateway === undefined
        ? []
        : [
            {
              kind: "gateway",
              address: gateway,
              path: [...path, "gateway"],
              owner: `the gateway of ${name}`,
            },
          ],
    ),
    ...each("production", (node, name) => [
      [node.productionAddress, ["productionAddress"], `the production address of node ${name}`],
    ]),
    {
      kind: "gateway",
      address: networks.production.gateway,
      path: ["networks", "production", "gateway"],
      owner: "the production gateway",
    },
    ...Object.entries(networks.production.vips).map(([name, address]) => ({
      ...{ kind: "vips", address, path: ["networks", "production", "vips", name] },
      owner: `the virtual address of ${name}`,
    })),
    ...(["management", "client"] as const).flatMap((name) => {
      const gateway = networks[name]?.gateway;
      return gateway === undefined
        ? []
        : [
            {
              kind: "gateway",
              address: gateway,
              path: ["networks", name, "gateway"],
              owner: `the ${name} gateway`,
            },
          ];
    }),
    ...each("bmc", (node, name) => [
      [node.bmc.address, ["bmc", "address"], `the BMC of node ${name}`],
    ]),
    ...Object.entries(nodes).flatMap(([name, node]) => interfaceClaims(name, node)),
  ];
}

/** Addresses in management and client networks. In the two others an interface has the node's own. */
function interfaceClaims(name: string, node: NodeEntry): AddressClaim[] {
  return (["nics", "bonds", "vlans"] as const).flatMap((group) =>
    Object.entries(node[group]).flatMap(([card, { address, network }]) =>
      address === undefined || network === "provisioning" || network === "production"
        ? []
        : [
            {
              ...{
                kind: `${name} ${card}`,
                address,
                path: ["nodes", name, group, card, "address"],
              },
              owner: `the address of ${card} of node ${name}`,
            },
          ],
    ),
  );
}
