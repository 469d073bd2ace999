// A machine's UUID as IPMI sends it.

/** In the order of octets of SMBIOS, as most boards give it: the first three fields with their least significant octet first. */
export function encodeGuid(uuid: string): Buffer {
  const fields = uuid.split("-").map((field) => Buffer.from(field, "hex"));
  return Buffer.concat(fields.map((field, index) => (index < 3 ? field.reverse() : field)));
}
