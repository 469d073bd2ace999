// From the file name on the wire to the name of a served file. Pure; it looks nothing up.

/**
 * Cleans a requested name: EDK2 and Windows loaders write `\`, many ROMs add leading slashes, and a boot file name
 * taken from a DHCP field without a NUL comes with stray octets at its end. Undefined when the name leaves the served tree,
 * holds a control character, or is longer than 255 octets.
 */
export function cleanFileName(requested: string): string | undefined {
  const name = requested
    .replace(/[^\x21-\x7e]+$/, "")
    .replaceAll("\\", "/")
    .replace(/^\/+/, "")
    .replace(/\/{2,}/g, "/");
  if (name === "" || name.length > 255 || /[^\x21-\x7e]/.test(name)) return undefined;
  return name.split("/").some((part) => part === ".." || part === ".") ? undefined : name;
}
