// From the file name on the wire to the name of a served file. Pure; it looks nothing up.

/**
 * Cleans a requested name: EDK2 and Windows loaders write `\`, many ROMs add leading slashes, and a boot file name
 * taken from a DHCP field without a NUL comes with stray octets at its end. Empty and `.` parts are left out. Undefined
 * when the name leaves the served tree, holds a NUL or another stray octet before its end, or is longer than 255 octets.
 */
export function cleanFileName(requested: string): string | undefined {
  if (requested.length > 255 || requested.includes("\0")) return undefined;
  const printable = requested.replace(/[^\x21-\x7e]+$/, "");
  if (/[^\x20-\x7e]/.test(printable)) return undefined;
  const parts = printable
    .replaceAll("\\", "/")
    .split("/")
    .filter((part) => part !== "" && part !== ".");
  return parts.length === 0 || parts.includes("..") ? undefined : parts.join("/");
}
