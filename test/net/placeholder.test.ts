import { expect, test } from "vitest";
import { isPlaceholder } from "../../src/net/placeholder.ts";

test.each([
  ...["", "0", "0000000", "0x00", "00FF", "xxxx", "......", "1111", "None", "N/A", "NA", "unknown"],
  ...["Not Specified", "Default string", "To be filled by O.E.M.", "To Be Filled", " Serial "],
  ...["123456789", "0123456789", "123456789012", "System Serial Number"],
  ...["03000200-0400-0500-0006-000700080009", "00000000-0000-0000-0000-000000000000"],
  "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
])("%j is no number of a machine", (text) => {
  expect(isPlaceholder(text)).toBe(true);
});

test.each(["CZ3501ABCD", "S1", "7XKQ2J2", "4c4c4544-0051-3510-8052-b4c04f4a3332", "VMware-56 4d"])(
  "%j is one",
  (text) => {
    expect(isPlaceholder(text)).toBe(false);
  },
);
