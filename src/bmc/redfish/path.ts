// The paths that a BMC gives as links. They lead nowhere but to itself.

const maxLength = 1024;

/**
 * The path of a link ("@odata.id", a target of an action, a next page) without its fragment. Undefined for anything but an absolute
 * path below /redfish/: a URL in a link could send credentials to whoever it names.
 */
export function linkPath(link: string): string | undefined {
  const [path = ""] = link.split("#");
  if (path.length > maxLength || !/^\/redfish\/[!-[\]-~]*$/.test(path)) return undefined;
  return path.split(/[/?]/).includes("..") ? undefined : path;
}

/** The path in a Location header, which may also be a URL; of that only the path is used, on the BMC's own address. */
export function locationPath(location: string): string | undefined {
  return linkPath(/^https?:\/\/[^/]*(\/.*)$/i.exec(location)?.[1] ?? location);
}

/** The last part of a resource's path: its Id. */
export function idOf(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1) ?? "";
}
