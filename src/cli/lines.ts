// The lines of a body that comes in pieces.

const maxLineBytes = 1024 * 1024;

/** Each line without its end. Throws when one is longer than a mebibyte. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of body) {
    const lines = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineBytes) throw new Error(`a line of more than ${maxLineBytes} bytes`);
    yield* lines;
  }
}
