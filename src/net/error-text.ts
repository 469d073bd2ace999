// The text of whatever was thrown. Anything can be thrown, so the type is unknown.

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
