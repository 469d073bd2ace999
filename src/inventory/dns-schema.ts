// What may be written of the site's DNS zones. What must hold between the values is in dns-check.ts.

import { z } from "zod";
import { domainName, either, ipv4, matching } from "./values.ts";

const isMap = (input: unknown) =>
  typeof input === "object" && input !== null && !Array.isArray(input);

// The part before the @ becomes the first label of the SOA's RNAME (RFC 1035 §3.3.13).
const mailAddress = matching(
  /^[a-z0-9](?:[a-z0-9._+-]{0,61}[a-z0-9])?@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
  "a mail address in lower case such as hostmaster@example.com",
);

export const dns = z.strictObject({
  /** A name without dots lies in the site's domain. Absent: `ns`, at the first of networks.production.dns. */
  nameServers: z
    .array(either(domainName, z.strictObject({ name: domainName, address: ipv4 }), isMap))
    .min(1)
    .optional(),
  /** Absent: hostmaster@DOMAIN. */
  hostmaster: mailAddress.optional(),
  ttlSeconds: z.int().min(60).max(604_800).default(3600),
  /** Each BMC is NODE-bmc in the zones. */
  bmcNames: z.boolean().default(false),
});
