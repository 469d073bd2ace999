// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings of iPXE, which it expands itself

import { expect, test } from "vitest";
import { scriptFault } from "../../src/boot/script-check.ts";

test.each([
  "#!ipxe\n",
  "#!ipxe\n# Anything — goes in a comment: ${ goto nowhere\necho ${net${index}/mac}\n",
  "#!ipxe\n:again\nchain x || goto again\nchoose target && goto ${target}\n",
  "#!ipxe\necho say goto nowhere\n",
  "#!ipxe\niseq ${platform} efi && exit 1 ||\n\tsanboot --drive 0x80\n",
])("iPXE can run %j", (script) => {
  expect(scriptFault(script)).toBeUndefined();
});

test.each([
  ["", "does not start with the line #!ipxe"],
  ["#!ipxe", "does not start with the line #!ipxe"],
  ["\n#!ipxe\n", "does not start with the line #!ipxe"],
  ["#!ipxe\r\necho x\r\n", "does not start with the line #!ipxe"],
  ["#!ipxe\necho x\r\n", 'line 2: "\\r" is no plain ASCII'],
  ["#!ipxe\necho \u001b[31m\n", 'line 2: "\\u001b" is no plain ASCII'],
  ["#!ipxe\necho für\n", 'line 2: "ü" is no plain ASCII'],
  ["#!ipxe\necho ${net0/mac\n", "line 2: a ${ is not closed in: echo ${net0/mac"],
  ["#!ipxe\necho ${net${index/mac}\n", "line 2: a ${ is not closed"],
  ["#!ipxe\nchain x || goto agian\n:again\n", "line 2: goto agian, and there is no :agian"],
  ["#!ipxe\niseq 1 2 && goto three ||\n", "line 2: goto three"],
  [`#!ipxe\n${"echo x\n".repeat(10_000)}`, "longer than 65536 octets"],
])("what is wrong with %j is named", (script, fault) => {
  expect(scriptFault(script)).toContain(fault);
});
