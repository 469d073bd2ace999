// From the file name on the wire to the name of a served file. Pure; it looks nothing up.

/**
 * Cleans a requested name: EDK2 and Windows loaders write `\`, many ROMs add leading slashes, and a boot file name
 * taken from a DHCP field without a NUL comes with stray octets at its end. Undefined when the name leaves the served tree,
 * holds a NUL or another stray octet before its end, or is longer than 255 octets.
 */
export function cleanFileName(requested: string): string | undefined {
  if (requested.length > 255 || requested.includes("\0")) return undefined;
  const name = requested
    .replace(/[^\x21-\x7e]+$/, "")
    .replaceAll("\\", "/")
    .replace(/^\/+/, "")
    .replace(/\/{2,}/g, "/");
  if (name === "" || /[^\x21-\x7e]/.test(name)) return undefined;
  return name.split("/").some((part) => part === ".." || part === ".") ? undefined : name;
}
