// Generated documents equal their generators: `npm run generate` writes them, a person reads the diff.

import { expect, test } from "bun:test";
import { currentText, generateAll } from "../scripts/generate.ts";

const files = await generateAll();

test("every generator writes a file of its own", () => {
  expect(new Set(files.map((file) => file.path)).size).toBe(files.length);
  expect(files.length).toBeGreaterThan(2);
});

for (const file of files) {
  test(`${file.path} is current (else: npm run generate)`, () => {
    expect(currentText(file.path)).toBe(file.text);
  });
}
