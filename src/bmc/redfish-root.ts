// Whether a BMC speaks Redfish, and which certificate it shows: asked without a login and without trusting the answer.

import { request } from "node:https";
import type { TLSSocket } from "node:tls";

export interface RedfishRoot {
  /** SHA-256 of the certificate, as it is pinned. */
  readonly fingerprint: string;
  readonly version?: string | undefined;
  readonly product?: string | undefined;
}

const timeoutMs = 5_000;
const maxBytes = 64 * 1024;
const maxText = 100;

/** Asks for the service root (DSP0266 §6.3). Undefined when there is none. */
export function redfishRoot(
  address: string,
  port: number,
  signal?: AbortSignal,
): Promise<RedfishRoot | undefined> {
  return new Promise((resolve) => {
    const give = resolve as (root: RedfishRoot | undefined) => void;
    const limit = AbortSignal.timeout(timeoutMs);
    const asked = request({
      ...{ host: address, port, path: "/redfish/v1/", agent: false },
      headers: { accept: "application/json" },
      // Only to read what everybody may read: nothing secret is sent, and nothing that is read is believed.
      rejectUnauthorized: false,
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    asked.on("error", () => give(undefined));
    asked.on("response", (response) => {
      const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate();
      const parts: Buffer[] = [];
      let size = 0;
      response.on("data", (part: Buffer) => {
        size += part.length;
        if (size > maxBytes) asked.destroy(new Error("too long"));
        else parts.push(part);
      });
      response.on("error", () => give(undefined));
      response.on("end", () => {
        const root = response.statusCode === 200 ? readRoot(Buffer.concat(parts)) : undefined;
        give(root && { fingerprint: fingerprint256, ...root });
      });
    });
    asked.end();
  });
}

/** Undefined when the document is no service root. */
function readRoot(body: Buffer): Omit<RedfishRoot, "fingerprint"> | undefined {
  let root: unknown;
  try {
    root = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof root !== "object" || root === null || !("RedfishVersion" in root)) return undefined;
  const text = (value: unknown) =>
    typeof value === "string" ? value.slice(0, maxText) : undefined;
  return {
    version: text(root.RedfishVersion),
    product: text("Product" in root ? root.Product : undefined),
  };
}
