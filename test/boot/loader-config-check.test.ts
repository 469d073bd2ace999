// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings of GRUB, which expands them

import { expect, test } from "vitest";
import { grubFault, pxelinuxFault } from "../../src/boot/loader-config-check.ts";

test.each<[string, string | undefined]>([
  ["", undefined],
  ["echo hello\n", undefined],
  ["if true; then\n  echo if fi done\nfi\n", undefined],
  ["if [ $x = 1 ]; then a; elif b; then c; else d; fi\n", undefined],
  ["for i in 1 2; do echo $i; done\nwhile true; do if a; then b; fi; done\n", undefined],
  ['menuentry \'it is "so"\' {\n  echo "that\'s \\" it"\n}\n', undefined],
  ["function f {\n  echo ${x}{y}\n}\n", undefined],
  ["# it's a comment, if any {\necho a#b\n", undefined],
  ["echo 'two\nlines'\n", undefined],
  ["if true; then\n  echo x\n", "line 1: if has no fi"],
  ["echo x\nfi\n", "line 2: fi closes nothing"],
  ["if true; then\n  echo x\ndone\n", "line 3: done closes nothing"],
  ["menuentry x {\n  echo x\n", "line 1: { has no }"],
  ["echo x\necho 'y\n", "line 2: a quote is not closed"],
  ['echo x\necho "y\n', "line 2: a quote is not closed"],
  ["echo x\necho \u00fc\n", "line 2: it is no plain ASCII"],
  ["x".repeat(70_000), "it is longer than 65536 octets"],
])("of %j GRUB says: %s", (text, fault) => {
  expect(grubFault(text)).toBe(fault);
});

test.each<[string, string | undefined]>([
  ["DEFAULT a\nLABEL b\nLABEL a\n", undefined],
  ["default a\n  label a\n", undefined],
  ["LABEL a\n", "it has no DEFAULT: pxelinux would wait at its prompt for ever"],
  ["DEFAULT a\nLABEL b\n", "DEFAULT a, and there is no LABEL a"],
  ["DEFAULT a\nLABEL a\nSAY \u00fc\n", "line 3: it is no plain ASCII"],
])("of %j pxelinux says: %s", (text, fault) => {
  expect(pxelinuxFault(text)).toBe(fault);
});
