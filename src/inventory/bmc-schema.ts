// What an operator may write about a node's BMC. Each kind has the settings that mean something to it.

import { z } from "zod";
import { mismatch } from "./messages.ts";
import { secretReference } from "./secret-schema.ts";
import { domainName, filePath, ipv4, matching, port } from "./values.ts";

const everyKind = { address: ipv4, password: secretReference };
// Printable ASCII: what BMCs take in their own pages.
const userName = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[\x21-\x7e]*$/, {
      error: ({ input }) => mismatch(input, "a user name of printable characters without blanks"),
    });
const ipmiUser = userName(16);

/**
 * Table 22-20 of IPMI 2.0: 17 is SHA-256, 3 is SHA-1 for BMCs that know no better, `best` is 17 where the BMC has it and
 * else 3.
 */
const cipherSuite = z.literal([3, 17, "best"]).default(17);
/** The BMC's own key (K_G), where it was given one. */
const bmcKey = secretReference.optional();

/** rackstrap's own IPMI 2.0 client. */
const ipmi = z.strictObject({
  // Absent means this one, and the union must know so: hence optional besides its default.
  kind: z.literal("ipmi").optional().default("ipmi"),
  ...everyKind,
  user: ipmiUser,
  port: port.default(623),
  cipherSuite,
  bmcKey,
});

/** The program of that name, for boards that bear nothing else. It knows power and boot device only. */
const ipmitool = z.strictObject({
  kind: z.literal("ipmitool"),
  ...everyKind,
  user: ipmiUser,
  port: port.default(623),
  cipherSuite: z.literal([3, 17]).default(17),
});

const pemFile = filePath;

/** How a Redfish service proves that it is the node's BMC, before it is told the password. */
const trust = z.union(
  [
    z.strictObject({
      /** SHA-256 of its certificate, with or without colons. */
      fingerprint: z.string().regex(/^[0-9A-Fa-f]{64}$|^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/),
    }),
    /** File with its certificate. */
    z.strictObject({ certificate: pemFile }),
    /** File with the CA that signed it; `servername` is the name in the certificate where that is not the address. */
    z.strictObject({ ca: pemFile, servername: domainName.optional() }),
    z.strictObject({ insecure: z.enum(["http", "unchecked"]) }),
  ],
  {
    error: ({ input }) =>
      mismatch(
        input,
        "{ fingerprint: SHA-256 of its certificate }, { certificate: PEM FILE }, { ca: PEM FILE } or { insecure: unchecked }",
      ),
  },
);

const redfishId = matching(
  /^[A-Za-z0-9][A-Za-z0-9._:@ -]{0,127}$/,
  "the Id of a Redfish resource such as System.Embedded.1",
);

const redfish = z.strictObject({
  kind: z.literal("redfish"),
  ...everyKind,
  user: userName(64),
  port: port.default(443),
  trust,
  /** `basic` sends the password with every request, for BMCs whose sessions do not work. */
  authentication: z.enum(["session", "basic"]).default("session"),
  /** Which member of its collection, by Id, where there are several. */
  system: redfishId.optional(),
  manager: redfishId.optional(),
  chassis: redfishId.optional(),
  /** Whose peculiarities it has, where it says something else itself. */
  vendor: z.enum(["standard", "ami", "dell", "hpe", "lenovo", "supermicro"]).optional(),
  /** The serial console, which Redfish does not carry: the same BMC and user over IPMI. */
  console: z.strictObject({ port: port.default(623), cipherSuite, bmcKey }).optional(),
});

export const bmc = z.discriminatedUnion("kind", [ipmi, ipmitool, redfish]);

export type BmcSettings = z.output<typeof bmc>;

export type RedfishBmc = z.output<typeof redfish>;

/** What a profile may say for the BMCs of its nodes. Each is checked with the BMC whose default it is. */
export const bmcDefaults = z
  .strictObject({
    kind: z.enum(["ipmi", "ipmitool", "redfish"]),
    user: userName(64),
    password: secretReference,
    port,
    cipherSuite,
    bmcKey: secretReference,
    trust,
    authentication: z.enum(["session", "basic"]),
    system: redfishId,
    manager: redfishId,
    chassis: redfishId,
    vendor: z.enum(["standard", "ami", "dell", "hpe", "lenovo", "supermicro"]),
    console: z.strictObject({ port, cipherSuite, bmcKey }).partial(),
  })
  .partial();
