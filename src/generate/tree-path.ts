// Which paths a generated tree may have. Pure.

const segment = /^[A-Za-z0-9._@+-]{1,255}$/;
const maxLength = 1024;

/** Why `path` is no path of a file inside a tree; undefined when it is one. */
export function pathFault(path: string): string | undefined {
  if (path.length > maxLength) return `longer than ${maxLength} characters`;
  const segments = path.split("/");
  if (segments.some((part) => part === "." || part === "..")) return "it leads out of the tree";
  if (!segments.every((part) => segment.test(part)))
    return "a path is made of names of letters, digits and . _ @ + -, with / between them";
  return undefined;
}
